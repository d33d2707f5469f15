export { configBody, createConnectorBody, signalBody, type CreateConnectorBody } from './requests.js';
export { jobBody, type JobBody, type JobSchedule, type RedriveBody, type RestartBody, type SnapshotBody } from './jobs.js';
export { connectorInfo, connectorStateInfo, errorBody, serverInfo, workerHealth, type ConnectorInfoAnswer, type ConnectorStateAnswer, type ErrorBody } from './answers.js';
