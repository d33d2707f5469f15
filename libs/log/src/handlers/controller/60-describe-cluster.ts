/** DescribeCluster of a listener for controllers, versions 1-2 with endpoint type 2: the controllers instead of the brokers (KIP-919). Deviations: none known. */
import { DescribeCluster, ErrorCode } from '@millrace/protocol';
import { authorizedOperations } from '../authorized-operations.js';
import { controllerApi } from './controller-api.js';

const BROKERS = 1;
const CONTROLLERS = 2;

export const describeClusterApi = controllerApi(DescribeCluster, (services) => async (request, context) => {
  if (request.endpointType !== CONTROLLERS) {
    const isBrokers = request.endpointType === BROKERS;
    return {
      errorCode: isBrokers ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: isBrokers ? 'The request was sent to an endpoint of the wrong type.' : `Unsupported endpoint type ${request.endpointType}`,
      clusterId: '',
      brokers: [],
    };
  }
  const { listenerName } = context.connection;
  const registered = [...services.image.controllers.values()];
  return {
    endpointType: CONTROLLERS,
    clusterId: services.clusterId,
    controllerId: services.watch.current.leaderId,
    brokers: registered.flatMap((it) => {
      const endpoint = it.endpoints.find((candidate) => candidate.name === listenerName);
      return endpoint === undefined ? [] : [{ brokerId: it.controllerId, host: endpoint.host, port: endpoint.port, rack: null }];
    }),
    ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: authorizedOperations('cluster') } : {}),
  };
});
