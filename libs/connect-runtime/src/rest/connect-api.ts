import type {
  ConfigInfos,
  ConfigKeyInfo,
  ConfigPatch,
  ConnectorHealth,
  ConnectorInfo,
  ConnectorOffsets,
  ConnectorStateInfo,
  CreateConnectorRequest,
  OffsetsMessage,
  PluginInfo,
  ServerInfo,
  SignalRequest,
  StringMap,
  TaskInfo,
  TaskStateInfo,
  WorkerHealth,
} from './shapes.js';

/** Where a request came from; every method that may be passed on to another worker takes one. */
export interface RequestOrigin {
  /** The query parameter `forward`: absent from a client, true on the first hop between workers, false on the second. */
  readonly forward?: boolean;
  /** The client's Authorization header, passed on as it is. */
  readonly authorization?: string;
}

/** An HTTP call to another worker. */
export interface ForwardRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly timeoutMs: number;
}
export interface ForwardResponse {
  readonly status: number;
  readonly body: string;
}
/** Makes the call; rejects when the worker cannot be reached. Redirects are not followed. */
export type Forward = (request: ForwardRequest) => Promise<ForwardResponse>;

/** The two headers that sign a request between workers. */
export interface InternalSignature {
  /** X-Connect-Authorization: base64 of the HMAC of the body. */
  readonly signature: string | undefined;
  /** X-Connect-Request-Signature-Algorithm. */
  readonly algorithm: string | undefined;
}

/**
 * Every verb of Connect's REST interface as a method: plain shapes in and out, ConnectRestError (`code`, `status`) for refusals.
 * Methods that return no promise answer from this worker's own copy of the internal topics and never wait.
 */
export interface ConnectRestApi {
  /** GET / */
  serverInfo(): ServerInfo;
  /** GET /health: healthy 200, starting 503, unhealthy 500. */
  health(): Promise<WorkerHealth>;
  /** GET /connectors */
  connectorNames(): string[];
  /** GET /connectors?expand=…; connectors that vanish meanwhile are left out. */
  connectorsExpanded(expand: readonly string[]): Record<string, { status?: ConnectorStateInfo; info?: ConnectorInfo }>;
  /** POST /connectors: 201 with Location. */
  createConnector(request: CreateConnectorRequest, origin: RequestOrigin): Promise<ConnectorInfo>;
  /** GET /connectors/{name} */
  connectorInfo(name: string): ConnectorInfo;
  /** GET /connectors/{name}/config */
  connectorConfig(name: string): StringMap;
  /** PUT /connectors/{name}/config: 201 when `created`, else 200. */
  putConnectorConfig(name: string, config: ConfigPatch, origin: RequestOrigin): Promise<{ created: boolean; info: ConnectorInfo }>;
  /** PATCH /connectors/{name}/config */
  patchConnectorConfig(name: string, patch: ConfigPatch, origin: RequestOrigin): Promise<ConnectorInfo>;
  /** DELETE /connectors/{name}: 204. */
  deleteConnector(name: string, origin: RequestOrigin): Promise<void>;
  /** GET /connectors/{name}/status */
  connectorStatus(name: string): ConnectorStateInfo;
  /** GET /connectors/{name}/tasks */
  connectorTasks(name: string): TaskInfo[];
  /** GET /connectors/{name}/tasks/{task}/status */
  taskStatus(name: string, task: number): TaskStateInfo;
  /** POST /connectors/{name}/restart: 204 without a value (both options false), 202 with one. */
  restartConnector(name: string, options: { includeTasks: boolean; onlyFailed: boolean }, origin: RequestOrigin): Promise<ConnectorStateInfo | undefined>;
  /** POST /connectors/{name}/tasks/{task}/restart: 204. */
  restartTask(name: string, task: number, origin: RequestOrigin): Promise<void>;
  /** PUT /connectors/{name}/pause: 202. */
  pauseConnector(name: string): Promise<void>;
  /** PUT /connectors/{name}/resume: 202. */
  resumeConnector(name: string): Promise<void>;
  /** PUT /connectors/{name}/stop: 204. */
  stopConnector(name: string, origin: RequestOrigin): Promise<void>;
  /** GET /connectors/{name}/offsets */
  connectorOffsets(name: string): Promise<ConnectorOffsets>;
  /** PATCH /connectors/{name}/offsets; an offset that is null is forgotten. 400 when the connector is not stopped. */
  alterConnectorOffsets(name: string, offsets: ConnectorOffsets, origin: RequestOrigin): Promise<OffsetsMessage>;
  /** DELETE /connectors/{name}/offsets: all are forgotten. */
  resetConnectorOffsets(name: string, origin: RequestOrigin): Promise<OffsetsMessage>;
  /** GET /connectors/{name}/topics */
  connectorTopics(name: string): Record<string, { topics: string[] }>;
  /** PUT /connectors/{name}/topics/reset: 202. */
  resetConnectorTopics(name: string): Promise<void>;
  /** GET /connector-plugins */
  plugins(options: { connectorsOnly: boolean }): PluginInfo[];
  /** GET /connector-plugins/{plugin}/config?version=…; a range in Maven's notation, the newest installed version without one. */
  pluginConfig(plugin: string, version?: string): Promise<ConfigKeyInfo[]>;
  /** PUT /connector-plugins/{plugin}/config/validate */
  validateConfig(plugin: string, config: ConfigPatch): Promise<ConfigInfos>;
  /** POST /connectors/{name}/tasks, between workers only; `body` is the JSON text that was signed. 204. */
  putTaskConfigs(name: string, body: string, signature: InternalSignature, origin: RequestOrigin): Promise<void>;
  /** PUT /connectors/{name}/fence, between workers only. Always refused: this worker does not do exactly-once delivery of sources. */
  fenceZombies(name: string, body: string, signature: InternalSignature, origin: RequestOrigin): Promise<void>;
  /** PUT /admin/loggers/{logger}?scope=cluster: 204. The level has been checked. */
  setClusterLoggerLevel(logger: string, level: string): Promise<void>;
  /**
   * POST /ext/connectors/{name}/signals (ours): 202 with the signal's id when each task has taken it; 400 with the text of the task's
   * ConfigError, 404, 409 when a task is not running.
   */
  signalConnector(name: string, request: SignalRequest, origin: RequestOrigin): Promise<{ id: string }>;
  /** GET /ext/connectors/{name}/health (ours): stalls, restarts and counters, from the workers that run its parts. */
  connectorHealth(name: string, origin: RequestOrigin): Promise<ConnectorHealth>;
  /** PUT /ext/connectors/{name}/tasks/{task}/signal, between workers only; `body` is the JSON text that was signed. 204. */
  signalTask(name: string, task: number, body: string, signature: InternalSignature): Promise<void>;
}
