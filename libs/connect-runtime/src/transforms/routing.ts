import { ConfigDef, DataError, Transformation, type ConnectRecord } from '@millrace/connect-api';
import { javaPattern, javaReplacement } from './java-pattern.js';
import { validPattern } from './settings.js';
import { SimpleDateFormat } from './simple-date-format.js';

const REGEX_ROUTER_CONFIG = new ConfigDef({
  regex: { kind: 'string', check: validPattern, importance: 'high', doc: 'Regular expression that a whole topic name must match.' },
  replacement: { kind: 'string', importance: 'high', doc: 'The new topic name; $1 or ${name} stand for groups.' },
});

/** Names the topic anew by a regular expression. */
export class RegexRouter extends Transformation {
  private regex = /^$/;
  private replacement = '';
  /** Topics are few, records are many. */
  private readonly routes = new Map<string, string>();

  config(): typeof REGEX_ROUTER_CONFIG {
    return REGEX_ROUTER_CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = REGEX_ROUTER_CONFIG.parse(config);
    this.regex = javaPattern(parsed.regex);
    this.replacement = parsed.replacement;
  }

  apply(record: ConnectRecord): ConnectRecord {
    let topic = this.routes.get(record.topic);
    if (topic === undefined) {
      const match = this.regex.exec(record.topic);
      topic = match ? javaReplacement(this.replacement, match) : record.topic;
      if (this.routes.size >= 10_000) this.routes.clear();
      this.routes.set(record.topic, topic);
    }
    return topic === record.topic ? record : { ...record, topic };
  }
}

const TIMESTAMP_ROUTER_CONFIG = new ConfigDef({
  'topic.format': { kind: 'string', default: '${topic}-${timestamp}', importance: 'high', doc: 'The new topic name; ${topic} and ${timestamp} stand for the old one and the record’s time.' },
  'timestamp.format': { kind: 'string', default: 'yyyyMMdd', importance: 'high', doc: 'Format of the time, in UTC, as java.text.SimpleDateFormat understands it.' },
});

/** Names the topic by the record's time. */
export class TimestampRouter extends Transformation {
  private topicFormat = '';
  private timestampFormat = new SimpleDateFormat('yyyyMMdd');

  config(): typeof TIMESTAMP_ROUTER_CONFIG {
    return TIMESTAMP_ROUTER_CONFIG;
  }

  configure(config: Readonly<Record<string, string>>): void {
    const parsed = TIMESTAMP_ROUTER_CONFIG.parse(config);
    this.topicFormat = parsed['topic.format'];
    this.timestampFormat = new SimpleDateFormat(parsed['timestamp.format']);
  }

  apply(record: ConnectRecord): ConnectRecord {
    if (record.timestampMs === null || record.timestampMs < 0) throw new DataError(`Timestamp missing on record of topic ${record.topic}`);
    const time = this.timestampFormat.format(record.timestampMs);
    const topic = this.topicFormat.replaceAll('${topic}', () => record.topic).replaceAll('${timestamp}', () => time);
    return { ...record, topic };
  }
}
