import type { SinkConnector, SourceConnector } from '../connector.js';
import type { SinkTask } from '../sink-task.js';
import type { SourceTask } from '../source-task.js';

/**
 * The member `"millrace"` of a plugin package's package.json. Discovery reads this and runs no code:
 * `{"apiVersion": 1, "plugins": [{"class": "io.example.MySource", "type": "source", "entry": "./dist/index.js", "export": "mySource", "aliases": []}]}`
 */
export interface PluginManifest {
  readonly apiVersion: 1;
  readonly plugins: readonly PluginEntry[];
}

export interface PluginEntry {
  /** The name that GET /connector-plugins shows and configs use. */
  readonly class: string;
  readonly type: 'source' | 'sink' | 'converter' | 'header_converter' | 'transformation' | 'predicate';
  /** Module, relative to the package's folder. */
  readonly entry: string;
  /** The named export of that module that holds the plugin; default `plugin`. */
  readonly export?: string;
  /** Other class names that it stands in for (Java's full names, simple names). */
  readonly aliases?: readonly string[];
  /** The class name that GET /connectors/{name}/tasks shows as `task.class`. */
  readonly taskClass?: string;
}

/** What the export of a source connector's entry module is. */
export interface SourcePlugin {
  readonly connector: () => SourceConnector;
  readonly task: () => SourceTask;
}

export interface SinkPlugin {
  readonly connector: () => SinkConnector;
  readonly task: () => SinkTask;
}
