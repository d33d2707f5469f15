export { ConnectWorker, type ConnectWorkerOptions } from './connect-worker.js';
export type { ConnectorMetrics, RebalanceMetrics, StartupMetrics, SupervisedTaskMetrics, TaskMetrics, WorkerMetrics } from './worker-metrics.js';
export { ALGORITHM_HEADER, SIGNATURE_HEADER } from './herder/session-keys.js';
export type { ConnectRestApi, Forward, ForwardRequest, ForwardResponse, InternalSignature, RequestOrigin } from './rest/connect-api.js';
export { ConnectRestError, type RestErrorCode } from './rest/rest-error.js';
export type {
  ConfigInfos,
  ConfigKeyInfo,
  ConfigPatch,
  ConfigValueInfo,
  ConnectorHealth,
  ConnectorInfo,
  ConnectorOffset,
  ConnectorOffsets,
  ConnectorState,
  ConnectorStateInfo,
  ConnectorTaskId,
  ConnectorType,
  CreateConnectorRequest,
  OffsetsMessage,
  PluginInfo,
  PluginType,
  ServerInfo,
  SignalRequest,
  StringMap,
  TaskHealth,
  TaskInfo,
  TaskState,
  TaskStateInfo,
  WorkerHealth,
} from './rest/shapes.js';
export { parseOffsetsBody } from './rest/offsets-body.js';
export { exactJson } from './stores/offset-json.js';
export { JsonConverter } from './converters/json/json-converter.js';
