export { configBody, createConnectorBody, signalBody, type CreateConnectorBody } from './requests.js';
export { connectorInfo, connectorStateInfo, errorBody, serverInfo, workerHealth, type ConnectorInfoAnswer, type ConnectorStateAnswer, type ErrorBody } from './answers.js';
