import { inspect } from 'node:util';
import { Connector } from '../connector.js';
import { ConfigDef, type ConfigOf } from './config-def.js';

const definition = new ConfigDef({
  host: { kind: 'string', doc: 'Where.', importance: 'high' },
  port: { kind: 'int', doc: 'Port.', importance: 'high', default: '5432', min: 1, max: 65535 },
  password: { kind: 'password', doc: 'Secret.', importance: 'high', default: null },
  mode: { kind: 'string', doc: 'How.', importance: 'low', default: 'initial', oneOf: ['initial', 'never'], ignoreCase: true },
  topics: { kind: 'list', doc: 'What.', importance: 'low', default: '' },
  later: { kind: 'int', doc: 'Not yet.', importance: 'low', default: '0', onlyDefault: true },
});

describe('ConfigDef', () => {
  it('parses text by kind, with defaults, into typed values', () => {
    const config: ConfigOf<typeof definition> = definition.parse({ host: ' db ', topics: 'a, b' });
    const port: number = config.port;
    expect([config.host, port, config.password, config.mode, config.topics]).toEqual(['db', 5432, null, 'initial', ['a', 'b']]);
  });

  it('says what is wrong as Java does, by key', () => {
    const errors = Object.fromEntries(definition.validate({ port: 'dog', mode: 'other', later: '5' }).map((it) => [it.name, it.errors]));
    expect(errors).toEqual({
      host: ['Missing required configuration "host" which has no default value.'],
      port: ['Invalid value dog for configuration port: Not a number of type INT'],
      password: [],
      mode: ['Invalid value other for configuration mode: String must be one of (case insensitive): initial, never'],
      topics: [],
      later: ['Invalid value 5 for configuration later: This setting is not supported yet with a value other than its default, 0'],
    });
    expect(definition.validate({ host: 'h', port: '70000' })[1]?.errors).toEqual(['Invalid value 70000 for configuration port: Value must be no more than 65535']);
  });

  it('never prints a secret', () => {
    const config = definition.parse({ host: 'h', password: 'tiger' });
    expect(config.password?.reveal()).toBe('tiger');
    expect(inspect(config) + JSON.stringify(config) + JSON.stringify(definition.validate({ host: 'h', password: 'tiger' }))).not.toContain('tiger');
  });

  it('is what a connector gives back, whatever its settings', async () => {
    class Plugin extends Connector {
      taskConfigs(): [] {
        return [];
      }
      // Without a cast: that this compiles is the point.
      config(): typeof definition {
        return definition;
      }
    }
    const connector: Connector = new Plugin();
    expect((await connector.validate({ host: 'h' })).flatMap((it) => it.errors)).toEqual([]);
    expect(connector.config().parse({ host: 'h' }).port).toBe(5432);
  });
});
