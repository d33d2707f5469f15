import { ConfigDef, SourceConnector, type AnyConfigDef, type ConnectorConfig } from '@millrace/connect-api';

/** One definition: parsing, validation, what REST shows, and the table in the README. */
export const SETTINGS = new ConfigDef({
  url: { kind: 'string', doc: 'Base address of the service. A feed is read from `<url>/<feed>?after=<id>&limit=<n>`.', importance: 'high' },
  feeds: { kind: 'list', doc: 'Names of the feeds to read. They are shared out to the tasks.', importance: 'high', check: (it: string[]) => (it.length === 0 ? 'At least one feed is needed' : undefined) },
  topic: { kind: 'string', doc: 'Topic of the records.', importance: 'high' },
  token: { kind: 'password', doc: 'Sent as a bearer token.', importance: 'medium', default: null },
  'batch.max.records': { kind: 'int', doc: 'Most entries of one request.', importance: 'low', default: '100', min: 1, max: 10_000 },
  'poll.interval.ms': { kind: 'int', doc: 'Pause between requests while there is nothing new.', importance: 'low', default: '200', min: 1 },
  'request.timeout.ms': { kind: 'int', doc: 'How long an answer may take.', importance: 'low', default: '5000', min: 1 },
});

/** Plans the work: each task reads some of the feeds. */
export class ExampleSource extends SourceConnector {
  /** The same answer for the same config, and no feed in two tasks. */
  taskConfigs(tasksMax: number, config: ConnectorConfig): ConnectorConfig[] {
    const { feeds } = SETTINGS.parse(config);
    const count = Math.min(tasksMax, feeds.length);
    return Array.from({ length: count }, (_, task) => ({ ...config, feeds: feeds.filter((_feed, i) => i % count === task).join(',') }));
  }

  config(): AnyConfigDef {
    return SETTINGS;
  }
}
