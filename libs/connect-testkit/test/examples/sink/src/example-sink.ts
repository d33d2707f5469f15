import { ConfigDef, SinkConnector, type AnyConfigDef } from '@millrace/connect-api';

/** One definition: parsing, validation, what REST shows, and the table in the README. */
export const SETTINGS = new ConfigDef({
  url: { kind: 'string', doc: 'Base address of the service. The item of a key is stored by `PUT <url>/<key>` and removed by `DELETE`.', importance: 'high' },
  token: { kind: 'password', doc: 'Sent as a bearer token.', importance: 'medium', default: null },
  'request.timeout.ms': { kind: 'int', doc: 'How long an answer may take.', importance: 'low', default: '5000', min: 1 },
});

/** There is nothing to plan: every task gets the same config, and the partitions of the topics are shared out by the group. */
export class ExampleSink extends SinkConnector {
  config(): AnyConfigDef {
    return SETTINGS;
  }
}
