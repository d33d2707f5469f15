import type { SinkConnector, SourceConnector } from '../connector.js';
import type { SinkTask } from '../sink-task.js';
import type { SourceTask } from '../source-task.js';

/**
 * The member `"millrace"` of a plugin package's package.json. Discovery reads this and runs no code:
 * `{"apiVersion": 1, "plugins": [{"class": "io.example.MySource", "type": "source", "entry": "./dist/index.js", "export": "mySource", "aliases": []}]}`
 */
export interface PluginManifest {
  /** Of this contract. A worker skips a package of another version, with a warning. */
  readonly apiVersion: 1;
  /** As many as the package has. */
  readonly plugins: readonly PluginEntry[];
}

/** One plugin of a package. */
export interface PluginEntry {
  /** The name that GET /connector-plugins shows and configs use. */
  readonly class: string;
  /** What the export is: SourcePlugin, SinkPlugin, ConverterPlugin, HeaderConverterPlugin, TransformationPlugin or PredicatePlugin. */
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
  /** Makes a connector. Called for each start, and for validation, which starts nothing: constructors do no work. */
  readonly connector: () => SourceConnector;
  /** Makes a task, in the thread in which it will run. Constructors do no work. */
  readonly task: () => SourceTask;
}

/** What the export of a sink connector's entry module is. */
export interface SinkPlugin {
  /** Makes a connector. Called for each start, and for validation, which starts nothing: constructors do no work. */
  readonly connector: () => SinkConnector;
  /** Makes a task, in the thread in which it will run. Constructors do no work. */
  readonly task: () => SinkTask;
}
