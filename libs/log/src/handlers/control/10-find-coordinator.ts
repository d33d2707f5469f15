/** FindCoordinator, versions 0-6. Deviations: transactional ids and share groups have no coordinator yet and are answered UNSUPPORTED_VERSION with a text. */
import type { RequestContext } from '@millrace/network';
import { ErrorCode, FindCoordinator, type FindCoordinatorResponseInput } from '@millrace/protocol';
import { CONSUMER_OFFSETS } from '../../internal-topics.js';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';

type Coordinator = FindCoordinatorResponseInput.Coordinator;

const GROUP = 0;
const TRANSACTION = 1;
const BATCHED_SINCE_VERSION = 4;

export const findCoordinatorApi = brokerApi(FindCoordinator, (services) => async (request, context): Promise<FindCoordinatorResponseInput> => {
  const keys = context.apiVersion >= BATCHED_SINCE_VERSION ? request.coordinatorKeys : [request.key];
  const coordinators = await Promise.all(keys.map((key) => coordinatorOf(services, context, key, request.keyType)));
  if (context.apiVersion >= BATCHED_SINCE_VERSION) return { coordinators };
  const [only] = coordinators;
  return { errorCode: only?.errorCode ?? 0, errorMessage: only?.errorMessage ?? null, nodeId: only?.nodeId ?? -1, host: only?.host ?? '', port: only?.port ?? -1 };
});

async function coordinatorOf(services: BrokerServices, context: RequestContext, key: string, keyType: number): Promise<Coordinator> {
  const failed = (errorCode: number, errorMessage: string | null = null): Coordinator => ({ key, nodeId: -1, host: '', port: -1, errorCode, errorMessage });
  if (keyType !== GROUP) return failed(ErrorCode.UNSUPPORTED_VERSION, keyType === TRANSACTION ? 'Transactions are not supported by this broker' : `Coordinators of type ${keyType} are not supported by this broker`);
  if (services.image.topic(CONSUMER_OFFSETS) === undefined) await services.topics.createMissing([CONSUMER_OFFSETS]);
  const partition = services.image.partition(CONSUMER_OFFSETS, services.groups.partitionFor(key));
  const broker = services.brokersFor(context.connection.listenerName).find((it) => it.brokerId === partition?.leader);
  if (broker === undefined) return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  return { key, nodeId: broker.brokerId, host: broker.host, port: broker.port };
}
