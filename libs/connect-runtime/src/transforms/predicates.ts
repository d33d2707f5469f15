import { ConfigDef, Predicate, Transformation, type ConnectRecord } from '@millrace/connect-api';
import { javaPattern } from './java-pattern.js';
import { notEmptyString, validPattern } from './settings.js';

const NOTHING = new ConfigDef({});

/** Drops every record it gets: useful with a predicate. */
export class Filter extends Transformation {
  config(): typeof NOTHING {
    return NOTHING;
  }

  configure(): void {}

  apply(): null {
    return null;
  }
}

export class RecordIsTombstone extends Predicate {
  config(): typeof NOTHING {
    return NOTHING;
  }

  configure(): void {}

  test(record: ConnectRecord): boolean {
    return record.value === null;
  }
}

const HAS_HEADER_KEY_CONFIG = new ConfigDef({
  name: { kind: 'string', check: notEmptyString, importance: 'medium', doc: 'The header’s name.' },
});

export class HasHeaderKey extends Predicate {
  private name = '';

  config(): typeof HAS_HEADER_KEY_CONFIG {
    return HAS_HEADER_KEY_CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    this.name = HAS_HEADER_KEY_CONFIG.parse(config).name;
  }

  test(record: ConnectRecord): boolean {
    return record.headers.some((it) => it.key === this.name);
  }
}

const TOPIC_NAME_MATCHES_CONFIG = new ConfigDef({
  pattern: { kind: 'string', check: (text: string) => notEmptyString(text) ?? validPattern(text), importance: 'medium', doc: 'Regular expression that the whole topic name must match.' },
});

export class TopicNameMatches extends Predicate {
  private pattern = /^$/;
  private readonly known = new Map<string, boolean>();

  config(): typeof TOPIC_NAME_MATCHES_CONFIG {
    return TOPIC_NAME_MATCHES_CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    this.pattern = javaPattern(TOPIC_NAME_MATCHES_CONFIG.parse(config).pattern);
  }

  test(record: ConnectRecord): boolean {
    let matches = this.known.get(record.topic);
    if (matches === undefined) {
      matches = this.pattern.test(record.topic);
      if (this.known.size >= 10_000) this.known.clear();
      this.known.set(record.topic, matches);
    }
    return matches;
  }
}
