import type { Clock, Logger } from '@millrace/foundation';
import type { ConnectRestApi, Forward } from './rest/connect-api.js';
import type { StringMap } from './rest/shapes.js';
import type { WorkerMetrics } from './worker-metrics.js';

export interface ConnectWorkerOptions {
  /** The worker's properties by Kafka Connect's names (`bootstrap.servers`, `group.id`, `config.storage.topic` …). */
  readonly config: StringMap;
  /** How other workers and clients reach this worker's REST interface: `http://host:port/`. Its host:port is the `worker_id`. */
  readonly advertisedUrl: string;
  /** Makes the HTTP calls to other workers. */
  readonly forward: Forward;
  /** Folders from which installed plugins are looked up: each one's `node_modules`, and those of its parents. `plugin.path` of the config is searched as well. */
  readonly pluginRoots: readonly string[];
  readonly logger: Logger;
  readonly clock?: Clock;
  /** What GET / says. */
  readonly version?: string;
  readonly commit?: string;
}

/**
 * A worker of Kafka Connect's distributed mode. `start` resolves when the internal topics have been read and the worker has joined
 * its group; it rejects with ConfigError or OperationalError when it cannot work (a wrong setting, an internal topic that is not
 * compacted). `stop` ends its tasks in order, writes their last offsets and leaves the group.
 */
export declare class ConnectWorker {
  constructor(options: ConnectWorkerOptions);
  readonly rest: ConnectRestApi;
  readonly workerId: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  metrics(): WorkerMetrics;
}
