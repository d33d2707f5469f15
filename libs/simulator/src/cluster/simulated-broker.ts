import { errorMessage, hasCode, type LogFields, type Logger } from '@millrace/foundation';
import { Broker, formatNode, type FormatOptions } from '@millrace/log';
import { nodeCodecs } from '@millrace/platform';
import { SimulatedDisk } from '../disk/simulated-disk.js';
import type { SimulatedProcess, WallClock } from '../time/simulated-process.js';
import type { World } from '../world.js';

export type BrokerState = 'down' | 'starting' | 'up' | 'stopping';

/** A supervisor starts a process again that ended by itself. */
const RESTART_MS = 1000;

export interface SimulatedBrokerOptions {
  readonly world: World;
  readonly brokerId: number;
  /** Of the next life, which listens for controllers at this port. */
  readonly properties: (controllerPort: number) => Readonly<Record<string, string>>;
}

/** Where controllers listen: the first, until an operator moves one to the other. */
export const CONTROLLER_PORTS = [9093, 9094] as const;

/** One machine with its disk, its clock and one broker after another on it. */
export class SimulatedBroker {
  readonly brokerId: number;
  readonly host: string;
  readonly disk: SimulatedDisk;
  readonly wall: WallClock;
  state: BrokerState = 'down';
  /** The life that runs, or ran last. */
  process: SimulatedProcess | undefined;
  broker: Broker | undefined;
  /** Counts lives. */
  incarnation = 0;
  /** Of the next life. */
  controllerPort: number = CONTROLLER_PORTS[0];
  /** Whether a supervisor brings it back. */
  isWanted = false;
  /** Called when a life is over, before the disk changes; `how` it ended. */
  onEnd: (how: 'kill' | 'power' | 'stop' | 'failure') => void = () => undefined;
  onUp: () => void = () => undefined;

  constructor(private readonly options: SimulatedBrokerOptions) {
    this.brokerId = options.brokerId;
    this.host = `broker-${options.brokerId}`;
    this.disk = new SimulatedDisk(options.world.chance(`disk of ${this.host}`));
    this.wall = options.world.wallClock();
  }

  get isUp(): boolean {
    return this.state === 'up';
  }

  /** As an operator does before the first start. */
  async format(how: Pick<FormatOptions, 'clusterId' | 'voters'>): Promise<void> {
    const { world, properties } = this.options;
    const process = world.process(`format of ${this.host}`, this.wall);
    const { clock, random, scheduler } = process;
    await formatNode({ ...how, properties: properties(this.controllerPort), ports: { fileSystem: this.disk.mount(process), clock, random, scheduler, codecs: nodeCodecs } });
    process.die();
  }

  start(): void {
    const { world, properties } = this.options;
    if (this.state !== 'down') return;
    this.isWanted = true;
    this.incarnation += 1;
    world.network.powerOn(this.host);
    const process = world.process(`${this.host}.${this.incarnation}`, this.wall);
    this.process = process;
    this.state = 'starting';
    this.disk.onStrike = (fault) => {
      if (fault.strike === 'crash') this.endLife('kill', process);
    };
    world.journal.write(this.host, 'starts');
    const broker = new Broker({
      properties: properties(this.controllerPort),
      logger: this.logger(process),
      onFailure: (cause) => {
        world.journal.write(this.host, `gave up: ${cause.message}`);
        this.endLife('failure', process);
      },
      fileSystem: this.disk.mount(process),
      processes: this.disk.processes(),
      transport: world.network.transportOf(process, this.host),
      clock: process.clock,
      random: process.random,
      scheduler: process.scheduler,
      codecs: nodeCodecs,
    });
    this.broker = broker;
    broker.start().then(
      () => {
        if (process.isDead) return;
        this.state = 'up';
        world.journal.write(this.host, 'is up');
        this.onUp();
      },
      (error: unknown) => {
        if (process.isDead) return;
        world.journal.write(this.host, `could not start: ${errorMessage(error)}`);
        if (!hasCode(error, 'STORAGE_FAILED') && !hasCode(error, 'STORAGE_FULL') && !hasCode(error, 'KAFKA_STORAGE_ERROR') && !isRetriableStart(error)) world.uncaught(error, `start of ${this.host}`);
        this.endLife('failure', process);
      },
    );
  }

  /** SIGTERM: resolves when the process has ended, in whatever way. */
  async stop(): Promise<void> {
    const { process, broker } = this;
    if (process === undefined || broker === undefined || this.state !== 'up') return;
    this.state = 'stopping';
    this.isWanted = false;
    this.options.world.journal.write(this.host, 'is told to stop');
    await Promise.race([broker.stop(), new Promise<void>((resolve) => (process.onDeath = resolve))]);
    if (!process.isDead) this.endLife('stop', process);
  }

  /** SIGKILL: what was written is in the page cache. */
  kill(): void {
    if (this.process !== undefined) this.endLife('kill', this.process);
  }

  /** The machine stops: what was not synced is lost, or torn. */
  losePower(): void {
    if (this.process !== undefined) this.endLife('power', this.process);
  }

  pause(): void {
    this.options.world.journal.write(this.host, 'is paused');
    this.process?.pause();
  }

  resume(): void {
    if (this.process?.isPaused !== true) return;
    this.options.world.journal.write(this.host, 'goes on');
    this.process.resume();
  }

  private endLife(how: 'kill' | 'power' | 'stop' | 'failure', process: SimulatedProcess): void {
    const { world } = this.options;
    if (process.isDead || process !== this.process) return;
    if (how !== 'stop') world.journal.write(this.host, how === 'kill' ? 'is killed' : how === 'power' ? 'loses power' : 'ends');
    this.onEnd(how);
    process.die();
    this.state = 'down';
    this.broker = undefined;
    if (how === 'power') {
      world.network.powerLost(this.host, process);
      this.disk.powerLost();
    } else {
      world.network.processEnded(process);
      this.disk.processKilled();
    }
    if (this.isWanted) world.loop.schedule(RESTART_MS, 'supervisor', () => (this.isWanted ? this.start() : undefined));
  }

  private logger(process: SimulatedProcess): Logger {
    const { journal } = this.options.world;
    const write = (level: string, fields: LogFields, message: string): void => {
      if (process.isDead) return;
      const { stack, ...told } = fields;
      journal.write(this.host, `[${level}] ${message} ${JSON.stringify(told)}`, stack === undefined ? undefined : String(stack));
      if (message === 'request failed') this.options.world.breach('no request fails inside a broker', `${this.host}: ${String(fields.api)}: ${String(fields.stack ?? fields.error)}`);
    };
    const drop = (): void => undefined;
    const logger: Logger = { trace: drop, debug: drop, info: (fields, message) => write('info', fields, message), warn: (fields, message) => write('warn', fields, message), error: (fields, message) => write('error', fields, message), child: () => logger };
    return logger;
  }
}

function isRetriableStart(error: unknown): boolean {
  return hasCode(error, 'ADDRESS_IN_USE') || hasCode(error, 'REGISTRATION_REFUSED') || hasCode(error, 'NO_CONTROLLER') || (error as { isRetriable?: unknown }).isRetriable === true;
}
