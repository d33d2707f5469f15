import { OperationalError, type Clock, type Scheduler, type Uuid } from '@millrace/foundation';
import { systemClock, systemRandom, timerScheduler } from '@millrace/platform';
import { ErrorCode, type Api, type BrokerHeartbeatRequestInput } from '@millrace/protocol';
import { RecordingLogger, waitFor } from '@millrace/testkit';
import { BrokerConfig } from '../config/broker-config.js';
import type { ControllerChannel, ControllerRequestOptions } from '../controller/controller-channel.js';
import { BrokerLifecycle, type BrokerLifecycleOptions } from './broker-lifecycle.js';
import { ImageFollower } from './image-follower.js';

const BROKER_EPOCH = 7;
const ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

/** A controller that registers everybody and unfences nobody. */
class SternController implements ControllerChannel {
  heartbeats = 0;

  request<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>): Promise<Response> {
    if (api.name === 'BrokerHeartbeat') this.heartbeats += 1;
    return Promise.resolve({ errorCode: ErrorCode.NONE, brokerEpoch: BROKER_EPOCH, isFenced: true, isCaughtUp: false, shouldShutDown: false } as Response);
  }
}

function lifecycle(channel: ControllerChannel, follower: ImageFollower, over: Partial<BrokerLifecycleOptions> = {}): BrokerLifecycle {
  return new BrokerLifecycle({
    config: new BrokerConfig({ 'node.id': '1', listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': '/data' }),
    clusterId: 'the-cluster',
    endpoints: [],
    logDirs: [ID],
    offlineLogDirs: () => [],
    cordonedLogDirs: () => null,
    previousBrokerEpoch: -1,
    channel,
    follower,
    clock: systemClock,
    random: systemRandom,
    scheduler: timerScheduler,
    logger: new RecordingLogger(),
    ...over,
  });
}

async function readsItsRegistration(follower: ImageFollower, others: readonly number[] = []): Promise<void> {
  const record = { brokerId: 1, isMigratingZkBroker: false, incarnationId: ID, brokerEpoch: BROKER_EPOCH, endPoints: [], features: [], rack: null, fenced: true, inControlledShutdown: false, logDirs: [ID], cordonedLogDirs: null };
  const records = [record, ...others.map((brokerId) => ({ ...record, brokerId, fenced: false }))];
  await follower.follow(records.map((it) => ({ type: 'RegisterBrokerRecord' as const, version: 3, record: it })), 1);
}

/** Time that passes by being waited for. */
class LeapingTime implements Clock, Scheduler {
  private leaptMs = 0;

  nowMs(): number {
    return this.leaptMs;
  }
  monotonicMs(): number {
    return this.leaptMs;
  }
  leap(ms: number): void {
    this.leaptMs += ms;
  }
  after(delayMs: number, callback: () => void): { cancel: () => void } {
    const pending = setImmediate(() => {
      this.leap(delayMs);
      callback();
    });
    return { cancel: () => clearImmediate(pending) };
  }
}

type Heard = 'silence' | 'wait' | 'go' | number;

/** Says what it is told to say to a broker that wants to stop, and the last of it for ever. */
class ControllerAtShutdown implements ControllerChannel {
  heartbeats = 0;

  constructor(private readonly time: LeapingTime, private readonly says: readonly Heard[]) {}

  request<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, _body: RequestInput, options?: ControllerRequestOptions): Promise<Response> {
    if (api.name !== 'BrokerHeartbeat') return Promise.resolve({ errorCode: ErrorCode.NONE, brokerEpoch: BROKER_EPOCH } as Response);
    const said = this.says[Math.min(this.heartbeats++, this.says.length - 1)];
    if (said === 'silence') {
      this.time.leap(options?.timeoutMs ?? 0);
      return Promise.reject(new OperationalError('NO_CONTROLLER', 'none has answered in time', { isRetriable: true }));
    }
    return Promise.resolve({ errorCode: typeof said === 'number' ? said : ErrorCode.NONE, isFenced: false, isCaughtUp: true, shouldShutDown: said === 'go' } as Response);
  }
}

describe('a controlled shutdown', () => {
  async function shutDown(says: readonly Heard[]): Promise<{ readonly tookMs: number; readonly heartbeats: number; readonly isReleased: boolean }> {
    const time = new LeapingTime();
    const controller = new ControllerAtShutdown(time, says);
    const follower = new ImageFollower(timerScheduler);
    const logger = new RecordingLogger();
    const it = lifecycle(controller, follower, { clock: time, scheduler: time, logger });
    const registered = it.register();
    await readsItsRegistration(follower, [2]);
    await registered;
    const startedMs = time.monotonicMs();
    await it.controlledShutdown();
    return { tookMs: time.monotonicMs() - startedMs, heartbeats: controller.heartbeats, isReleased: logger.complaints('the controller did not release this broker; it stops without').length === 0 };
  }

  it('ends when the controller says so', async () => {
    expect(await shutDown(['wait', 'wait', 'go'])).toEqual({ tookMs: 200, heartbeats: 3, isReleased: true });
  });

  it('outlasts an election, and refusals that may pass', async () => {
    expect(await shutDown(['wait', 'silence', ErrorCode.UNKNOWN_SERVER_ERROR, 'silence', 'wait', 'go'])).toMatchObject({ heartbeats: 6, isReleased: true });
  });

  it('gives up after a session without a controller: nobody is there to hand over to', async () => {
    const { tookMs, isReleased } = await shutDown(['wait', 'silence']);
    expect(isReleased).toBe(false);
    expect(tookMs).toBeGreaterThanOrEqual(9000);
    expect(tookMs).toBeLessThan(13_000);
  });

  it('gives up in 30 s when it is put off again and again', async () => {
    const { tookMs, isReleased } = await shutDown(['wait']);
    expect({ tookMs, isReleased }).toEqual({ tookMs: 30_000, isReleased: false });
  });

  it.each([ErrorCode.STALE_BROKER_EPOCH, ErrorCode.BROKER_ID_NOT_REGISTERED])('does not ask again when its registration is no more (error %d)', async (refusal) => {
    expect(await shutDown(['wait', refusal, 'go'])).toMatchObject({ heartbeats: 2, isReleased: false });
  });
});

describe('a broker that stops before it takes part', () => {
  it('waits no longer to read its registration', async () => {
    const it = lifecycle(new SternController(), new ImageFollower(timerScheduler));
    const registered = it.register();
    await waitFor('it is registered', 1000, () => Promise.resolve(it.brokerEpoch === BROKER_EPOCH));
    it.stop();
    await expect(registered).rejects.toMatchObject({ code: 'NO_CONTROLLER' });
  }, 1500);

  it('waits no longer to be unfenced', async () => {
    const controller = new SternController();
    const follower = new ImageFollower(timerScheduler);
    const it = lifecycle(controller, follower);
    const registered = it.register();
    await readsItsRegistration(follower);
    await registered;
    const unfenced = it.unfence();
    await waitFor('it has asked', 1000, () => Promise.resolve(controller.heartbeats > 1));
    it.stop();
    await expect(unfenced).rejects.toMatchObject({ code: 'NO_CONTROLLER' });
  }, 1500);
});

/** Keeps what it hears until it is told to answer. */
class SlowController implements ControllerChannel {
  readonly heard: string[] = [];
  private readonly waiting: (() => void)[] = [];

  answer(): void {
    this.waiting.shift()?.();
  }

  request<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, body: RequestInput): Promise<Response> {
    const response = { errorCode: ErrorCode.NONE, brokerEpoch: BROKER_EPOCH, isFenced: false, isCaughtUp: true, shouldShutDown: false } as Response;
    if (api.name !== 'BrokerHeartbeat') return Promise.resolve(response);
    this.heard.push((body as BrokerHeartbeatRequestInput).cordonedLogDirs?.join() ?? 'not said');
    return new Promise((resolve) => this.waiting.push(() => resolve(response)));
  }
}

describe('a broker whose directories are cordoned', () => {
  it('says so when it asks to be unfenced, and at once when that changes; not before, and not twice', async () => {
    const controller = new SlowController();
    const follower = new ImageFollower(timerScheduler);
    let cordoned: readonly Uuid[] = [];
    const it = lifecycle(controller, follower, { cordonedLogDirs: () => cordoned });
    const registered = it.register();
    await readsItsRegistration(follower);
    await registered;
    it.cordonsMayHaveChanged();
    expect(controller.heard).toEqual([]);
    const unfenced = it.unfence();
    expect(controller.heard).toEqual(['']);
    it.cordonsMayHaveChanged();
    cordoned = [ID];
    it.cordonsMayHaveChanged();
    expect(controller.heard).toEqual(['']);
    controller.answer();
    await waitFor('the controller hears of it', 1000, () => Promise.resolve(controller.heard.length > 1));
    it.cordonsMayHaveChanged();
    controller.answer();
    it.stop();
    await expect(unfenced).rejects.toMatchObject({ code: 'NO_CONTROLLER' });
    expect(controller.heard).toEqual(['', ID]);
  }, 1500);
});
