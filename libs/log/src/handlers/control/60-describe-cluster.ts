/** DescribeCluster, versions 0-2. Deviations: none known. */
import { DescribeCluster, ErrorCode } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { authorizedOperations } from '../authorized-operations.js';
import { namedController } from '../named-controller.js';

const BROKERS = 1;
const CONTROLLERS = 2;

export const describeClusterApi = brokerApi(DescribeCluster, (services) => (request, context) => {
  if (request.endpointType !== BROKERS) {
    const isController = request.endpointType === CONTROLLERS;
    return {
      errorCode: isController ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: isController ? 'The request was sent to an endpoint of the wrong type.' : `Unsupported endpoint type ${request.endpointType}`,
      clusterId: '',
      brokers: [],
    };
  }
  const brokers = services.brokersFor(context.connection.listenerName, { includeFenced: request.includeFencedBrokers });
  return {
    clusterId: services.clusterId,
    controllerId: namedController(brokers.filter((it) => !it.isFenced), services.brokerId),
    brokers: brokers.map((it) => ({ brokerId: it.brokerId, host: it.host, port: it.port, rack: it.rack, isFenced: it.isFenced })),
    ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: authorizedOperations('cluster') } : {}),
  };
});
