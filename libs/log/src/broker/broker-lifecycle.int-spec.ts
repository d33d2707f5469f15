import { systemClock, systemRandom, timerScheduler } from '@millrace/platform';
import { ErrorCode, type Api } from '@millrace/protocol';
import { RecordingLogger, waitFor } from '@millrace/testkit';
import { BrokerConfig } from '../config/broker-config.js';
import type { ControllerChannel } from '../controller/controller-channel.js';
import { BrokerLifecycle } from './broker-lifecycle.js';
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

function lifecycle(channel: ControllerChannel, follower: ImageFollower): BrokerLifecycle {
  return new BrokerLifecycle({
    config: new BrokerConfig({ 'node.id': '1', listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': '/data' }),
    clusterId: 'the-cluster',
    endpoints: [],
    logDirs: [ID],
    offlineLogDirs: () => [],
    previousBrokerEpoch: -1,
    channel,
    follower,
    clock: systemClock,
    random: systemRandom,
    scheduler: timerScheduler,
    logger: new RecordingLogger(),
  });
}

async function readsItsRegistration(follower: ImageFollower): Promise<void> {
  const record = { brokerId: 1, isMigratingZkBroker: false, incarnationId: ID, brokerEpoch: BROKER_EPOCH, endPoints: [], features: [], rack: null, fenced: true, inControlledShutdown: false, logDirs: [ID], cordonedLogDirs: null };
  await follower.follow([{ type: 'RegisterBrokerRecord', version: 3, record }], 1);
}

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
