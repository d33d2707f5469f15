/** DescribeQuorum, versions 0-2; answered by the leader of the quorum. Deviations: a node that is its own quorum and has no listener for controllers is shown with the listener that was asked. */
import { DescribeQuorum } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { forward } from './forward.js';

const NODES_SINCE_VERSION = 2;

export const describeQuorumApi = brokerApi(DescribeQuorum, (services) => async (request, context) => {
  const response = await forward(services, DescribeQuorum, { request, context }, (errorCode) => ({ errorCode, topics: [], nodes: [] }));
  if (context.apiVersion < NODES_SINCE_VERSION || (response.nodes ?? []).length > 0) return response;
  const { listenerName } = context.connection;
  return { ...response, nodes: services.brokersFor(listenerName).map((it) => ({ nodeId: it.brokerId, listeners: [{ name: listenerName, host: it.host, port: it.port }] })) };
});
