import { ConfigDef, SinkConnector, type AnyConfigDef, type ConnectorConfig, type ConnectorContext } from '@millrace/connect-api';

/** One definition: parsing, validation, what REST shows, and the table in the README. */
export const SETTINGS = new ConfigDef({
  url: { kind: 'string', doc: 'Base address of the service. The item of a key is stored by `PUT <url>/<key>` and removed by `DELETE`.', importance: 'high' },
  token: { kind: 'password', doc: 'Sent as a bearer token.', importance: 'medium', default: null },
  'request.timeout.ms': { kind: 'int', doc: 'How long an answer may take.', importance: 'low', default: '5000', min: 1 },
});

/** Every task gets the same config; the partitions of the topics are shared out by the group. */
export class ExampleSink extends SinkConnector {
  private given: ConnectorConfig = {};

  override start(_context: ConnectorContext, config: ConnectorConfig): void {
    SETTINGS.parse(config);
    this.given = config;
  }

  taskConfigs(tasksMax: number): ConnectorConfig[] {
    return Array.from({ length: tasksMax }, () => this.given);
  }

  config(): AnyConfigDef {
    return SETTINGS;
  }
}
