/** The shapes of Kafka Connect's REST answers, member by member in Connect's order. */

export type StringMap = Readonly<Record<string, string>>;
/** What a client sent as a config: null only in a patch, where it removes the key. */
export type ConfigPatch = Readonly<Record<string, string | null>>;

export type ConnectorType = 'source' | 'sink' | 'unknown';
export type ConnectorState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING';
export type TaskState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'FAILED' | 'RESTARTING';

export interface ConnectorTaskId {
  readonly connector: string;
  readonly task: number;
}

export interface ConnectorInfo {
  readonly name: string;
  readonly config: StringMap;
  readonly tasks: readonly ConnectorTaskId[];
  readonly type: ConnectorType;
}

export interface ConnectorStateInfo {
  readonly name: string;
  readonly connector: { readonly state: ConnectorState; readonly worker_id: string; readonly trace?: string; readonly version?: string };
  readonly tasks: readonly TaskStateInfo[];
  readonly type: ConnectorType;
}

export interface TaskStateInfo {
  readonly id: number;
  readonly state: TaskState;
  readonly worker_id: string;
  readonly trace?: string;
  readonly version?: string;
}

export interface TaskInfo {
  readonly id: ConnectorTaskId;
  readonly config: StringMap;
}

export interface CreateConnectorRequest {
  readonly name: string;
  readonly config: ConfigPatch;
  /** RUNNING, PAUSED or STOPPED, in any case. */
  readonly initial_state?: string | null;
}

export interface ConnectorOffsets {
  readonly offsets: readonly ConnectorOffset[];
}
export interface ConnectorOffset {
  /** Null only in requests, where it is refused. */
  readonly partition: Readonly<Record<string, unknown>> | null;
  readonly offset: Readonly<Record<string, unknown>> | null;
}

/** What changes of offsets are answered with. */
export interface OffsetsMessage {
  readonly message: string;
}

export type PluginType = 'source' | 'sink' | 'converter' | 'header_converter' | 'transformation' | 'predicate';
export interface PluginInfo {
  readonly class: string;
  readonly type: PluginType;
  readonly version?: string;
}

export interface ConfigKeyInfo {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default_value: string | null;
  readonly importance: string;
  readonly documentation: string;
  readonly group: string | null;
  /** The name since Connect 4.2. */
  readonly order_in_group: number;
  /** The name before; tools still read it. */
  readonly order: number;
  readonly width: string;
  readonly display_name: string;
  readonly dependents: readonly string[];
}

export interface ConfigValueInfo {
  readonly name: string;
  readonly value: string | null;
  readonly recommended_values: readonly string[];
  readonly errors: readonly string[];
  readonly visible: boolean;
}

export interface ConfigInfos {
  readonly name: string;
  readonly error_count: number;
  readonly groups: readonly string[];
  readonly configs: readonly { readonly definition: ConfigKeyInfo | null; readonly value: ConfigValueInfo }[];
}

export interface ServerInfo {
  readonly version: string;
  readonly commit: string;
  readonly kafka_cluster_id: string;
}

export interface WorkerHealth {
  readonly status: 'healthy' | 'starting' | 'unhealthy';
  readonly message: string;
}

/** POST /ext/connectors/{name}/signals: a request to running source tasks. */
export interface SignalRequest {
  /** Made up when not given. */
  readonly id?: string;
  readonly type: string;
  readonly data?: unknown;
  /** Only to this task; to all of the connector when not given. */
  readonly task?: number;
}

/** GET /ext/connectors/{name}/health. Times are milliseconds since 1970. */
export interface ConnectorHealth {
  readonly name: string;
  readonly connector: { readonly state: string; readonly worker_id: string | null; readonly restarts: number; readonly restart_planned: number | null; readonly restarts_left: number | null };
  readonly tasks: readonly TaskHealth[];
}

export interface TaskHealth {
  readonly id: number;
  /** As in the status: a stall never changes it. */
  readonly state: string;
  readonly worker_id: string | null;
  /** Neither reads nor writes for longer than task.stall.timeout.ms; null when its worker does not tell. */
  readonly stalled: boolean | null;
  /** start, poll, send, put, commit, or membership (it waits to hear that its worker is still in the group); thread: it does not even answer. */
  readonly stalled_in: string | null;
  readonly stalled_since: number | null;
  /** When one of these last came to its end. */
  readonly last_progress: number | null;
  /** By the worker, since it came there or was started by hand. */
  readonly restarts: number;
  readonly restart_planned: number | null;
  readonly restarts_left: number | null;
  readonly counters: Readonly<Record<string, number | null>> | null;
}
