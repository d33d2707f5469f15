import { ConfigDef, RetriableError, Transformation, type ConnectRecord, type Struct } from '@millrace/connect-api';

const CONFIG = new ConfigDef({
  n: { kind: 'int', importance: 'high', doc: 'The record that fails.' },
  failures: { kind: 'int', importance: 'high', doc: 'How often.' },
});

/** Fails a few times for one record, then takes it. */
class Flaky extends Transformation {
  private n = -1;
  private failures = 0;

  config(): typeof CONFIG {
    return CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    ({ n: this.n, failures: this.failures } = CONFIG.parse(config));
  }

  apply(record: ConnectRecord): ConnectRecord {
    if (Number((record.value as Struct).get('n')) === this.n && this.failures-- > 0) throw new RetriableError('not yet');
    return record;
  }
}

export const plugin = { transformation: () => new Flaky() };
