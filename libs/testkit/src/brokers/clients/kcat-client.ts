import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProducerJournal } from '../ack-journal.js';
import { REQUEST_TIMEOUT_MS, type ChaosClient, type ChaosClientOptions } from './chaos-client.js';
import { eachLine, ended, hasExited } from './child-lines.js';

const CLIENT = 'kcat';
const LINES_PER_SECOND = 50;

/** kcat, that is librdkafka: a process for each partition, which prints what was delivered, in the order of the lines it was given. */
export class KcatClient implements ChaosClient {
  private isStopping = false;
  private lanes: Promise<void>[] = [];
  private readonly children = new Set<ChildProcess>();

  constructor(private readonly options: ChaosClientOptions) {}

  start(): Promise<void> {
    this.lanes = Array.from({ length: this.options.partitions }, (_, partition) => this.produce(partition));
    return Promise.resolve();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.isStopping = true;
    const timer = setTimeout(() => this.children.forEach((it) => it.kill('SIGKILL')), timeoutMs);
    await Promise.all(this.lanes);
    clearTimeout(timer);
  }

  /** A process that ends early is an error that surfaced; another one goes on as another producer. */
  private async produce(partition: number): Promise<void> {
    while (!this.isStopping) {
      const journal = this.options.journal.producer(CLIENT);
      const child = this.launch(partition, journal);
      await this.feed(child, journal.id);
      child.stdin?.end();
      await ended(child, 120_000);
      this.children.delete(child);
      journal.end();
      if (this.isStopping && child.exitCode === 0) return;
      this.options.journal.surfaces(CLIENT, `ended with ${child.exitCode ?? child.signalCode}`);
      await delay(500);
    }
  }

  /** -E: it would end when no connection is left, which is how a client finds a cut link. */
  private launch(partition: number, journal: ProducerJournal): ChildProcess {
    const { bootstrap, topic } = this.options;
    const settings = { acks: 'all', 'enable.idempotence': 'true', 'linger.ms': '5', 'message.timeout.ms': '300000', 'request.timeout.ms': REQUEST_TIMEOUT_MS, 'socket.timeout.ms': 2 * REQUEST_TIMEOUT_MS, 'reconnect.backoff.max.ms': 1000 };
    const child = spawn('kcat', ['-P', '-E', '-vvv', '-b', bootstrap, '-t', topic, '-p', String(partition), ...Object.entries(settings).flatMap(([key, value]) => ['-X', `${key}=${value}`])], { stdio: ['pipe', 'ignore', 'pipe'] });
    this.children.add(child);
    child.stdin.on('error', () => undefined);
    let reported = 0;
    eachLine(child.stderr, (line) => {
      const delivered = /^% Message delivered to partition (\d+) \(offset (-?\d+)\)/.exec(line);
      if (delivered) journal.acknowledge(reported++, Number(delivered[1]), Number(delivered[2]));
      else if (line.startsWith('% Delivery failed')) {
        reported += 1;
        this.options.journal.surfaces(CLIENT, line.slice(2));
      } else this.note(line);
    });
    return child;
  }

  private note(line: string): void {
    const logged = /^%[0-4]\|[\d.]+\|(\w+)\|[^|]*\|?(?: \[thrd:[^\]]*\]:)? (.*)$/.exec(line);
    const error = /^% (?:FATAL )?ERROR: (.*)$/.exec(line);
    const text = error?.[1] ?? (logged ? `${logged[1]}: ${logged[2]}` : undefined);
    if (text === undefined) return;
    this.options.journal[line.startsWith('% FATAL') ? 'surfaces' : 'sees'](CLIENT, text.replace(/127\.0\.0\.1:\d+\/?\w*/g, 'broker').replace(/\d+/g, 'n').slice(0, 90));
  }

  private async feed(child: ChildProcess, id: number): Promise<void> {
    const { recordsPerSecond, partitions } = this.options;
    const perTick = Math.max(1, Math.round(recordsPerSecond / partitions / LINES_PER_SECOND));
    for (let next = 0; !this.isStopping && !hasExited(child) && child.stdin?.writable === true; next += perTick) {
      const canTakeMore = child.stdin.write(Array.from({ length: perTick }, (_, i) => `${id}.${next + i}\n`).join(''));
      await delay(1000 / LINES_PER_SECOND);
      // Its queue is full: it goes on when something was delivered.
      while (!canTakeMore && child.stdin.writableNeedDrain && !this.isStopping && !hasExited(child)) await delay(50);
    }
  }
}
