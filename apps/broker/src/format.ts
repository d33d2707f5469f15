import { OperationalError } from '@millrace/foundation';
import { loadConfig } from '@millrace/hosting';
import { formatNode, type FormatOptions } from '@millrace/log';
import { metricsSettings } from './metrics/metrics-settings.js';

/** What `millrace format` is told, with the flags of Kafka's kafka-storage. */
export interface FormatFlags {
  readonly config: string;
  readonly clusterId: string;
  readonly standalone?: boolean;
  /** False: `--no-initial-controllers`. */
  readonly initialControllers?: string | false;
  readonly releaseVersion?: string;
  /** `name=level` each. */
  readonly feature?: readonly string[];
  readonly ignoreFormatted?: boolean;
}

/** Gives the lines to show. Rejects as `formatNode` does. */
export async function formatByFlags(flags: FormatFlags): Promise<string[]> {
  const { rest: properties } = metricsSettings(loadConfig({ file: flags.config, environmentPrefix: 'KAFKA_', overrides: [] }));
  const voters = votersOf(flags);
  const features = Object.fromEntries((flags.feature ?? []).map(parseFeature));
  const { clusterId, releaseVersion, ignoreFormatted } = flags;
  const folders = await formatNode({ properties, clusterId, features, ...(voters === undefined ? {} : { voters }), ...(releaseVersion === undefined ? {} : { release: releaseVersion }), ignoreFormatted: ignoreFormatted === true });
  if (folders.every((it) => it.wasFormatted)) return ['All of the log directories are already formatted.'];
  return folders.map((it) => (it.wasFormatted ? `${it.folder} is formatted already and was left as it is.` : `Formatted ${it.folder}.`));
}

function votersOf({ standalone, initialControllers }: FormatFlags): FormatOptions['voters'] {
  if (standalone === true) {
    if (initialControllers !== undefined) throw new OperationalError('INVALID_CONFIG', 'only one of --standalone, --initial-controllers and --no-initial-controllers may be given');
    return 'standalone';
  }
  if (initialControllers === undefined) return undefined;
  return initialControllers === false ? 'none' : { initialControllers };
}

function parseFeature(text: string): [string, number] {
  const match = /^([^=\s]+)=(\d{1,5})$/.exec(text.trim());
  if (match === null) throw new OperationalError('INVALID_CONFIG', `--feature ${text}: expected name=level`);
  return [match[1] ?? '', Number(match[2])];
}
