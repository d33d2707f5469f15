import { DataError, Decimal, JsonWriter, LazyStruct, type SinkRecord, Struct, type Value } from '@millrace/connect-api';
import type { BatchBodySettings, MessageSettings } from '../config/http-sink-settings.js';
import type { MessageId } from '../attempt/message-id.js';
import type { Target } from './url-template.js';

/** What a record becomes in a message: alone it is the whole of it. Nothing in it but `record` refers to the bytes of a lazy record. */
export interface RenderedItem {
  /** For the dead letters. */
  readonly record: SinkRecord;
  readonly id: MessageId;
  readonly method: string;
  readonly target: Target;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
  readonly isTombstone: boolean;
  /** Items that have the same may share a message. */
  readonly groupKey: string;
}

const NULL_BODY = Buffer.from('null');

/** Makes of records what is sent of them. */
export class MessageTemplate {
  private readonly json: JsonWriter;
  private readonly staticHeaders: readonly string[] | undefined;

  constructor(
    private readonly settings: MessageSettings,
    private readonly batch: BatchBodySettings,
  ) {
    this.json = new JsonWriter({ decimals: settings.decimals, times: 'numeric', maps: 'object' });
    if (settings.headers.every((it) => it.isStatic)) this.staticHeaders = settings.headers.flatMap((it) => [it.name, it.staticText()]);
  }

  /** 'ignored': a record without a value, which are not sent. DataError: the record cannot be sent as it is. */
  render(record: SinkRecord, id: MessageId): RenderedItem | 'ignored' {
    const { settings, json } = this;
    const isTombstone = record.value === null;
    if (isTombstone && (settings.onNull === 'ignore' || settings.onNull === 'log')) return 'ignored';
    if (isTombstone && settings.onNull === 'fail') throw new DataError('The record has no value, and behavior.on.null.values is fail');
    const isDelete = isTombstone && settings.onNull === 'delete';
    if (isDelete && record.key === null) throw new DataError('The record has neither a value nor a key: nothing says what to delete');
    const method = isDelete ? 'DELETE' : settings.method;
    const target = (isDelete ? settings.deleteUrl : settings.url).render(record, id, json);
    const headers = this.staticHeaders ?? settings.headers.flatMap((it) => [it.name, it.render(record, id, json)]);
    const body = isDelete ? null : isTombstone ? NULL_BODY : this.body(record, id);
    // What has no body is a message of its own.
    const groupKey = !this.batch.isBatching ? target.origin : body === null ? id.toString() : `${method} ${target.origin}${target.path}${headers.length > 0 ? `\u0000${headers.join('\u0000')}` : ''}`;
    return { record, id, method, target, headers, body, isTombstone, groupKey };
  }

  /** What orders records of one key: text that is the same for equal keys and no others. Null for a record without a key. */
  keyText(record: SinkRecord): string | null {
    const { key, keySchema } = record;
    if (key === null) return null;
    return typeof key === 'string' ? `s${key}` : `${typeof key === 'object' ? 'o' : typeof key}${this.json.textOf(keySchema, key)}`;
  }

  private body(record: SinkRecord, id: MessageId): Uint8Array {
    const { body, bodyFormat } = this.settings;
    if (body) return body.render(record, id, this.json);
    const { value, valueSchema } = record;
    if (bodyFormat !== 'json') {
      if (typeof value === 'string') return Buffer.from(value, 'utf8');
      if (value instanceof Uint8Array) return Uint8Array.from(value);
      if (bodyFormat === 'string' && !hasParts(value)) return Buffer.from(String(value));
    }
    return this.json.bytesOf(valueSchema, value);
  }
}

function hasParts(value: Value): boolean {
  return typeof value === 'object' && !(value instanceof Decimal) && (value instanceof Struct || value instanceof LazyStruct || value instanceof Map || Array.isArray(value) || value instanceof Date);
}
