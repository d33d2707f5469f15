import { DataError, LazyStruct, type Schema, type SinkRecord, Struct, type Value } from '@millrace/connect-api';
import { scalarText } from '../formats/scalar-text.js';

type Part = string | ((record: SinkRecord) => string);

const PLACEHOLDER = /\{([^{}]*)\}/g;
const TIME_LETTERS = /yyyy|MM|dd|HH|mm|ss/g;
/** What file systems take as one name. */
const SEGMENT_BYTES_MAX = 200;

/**
 * Folders by the record: `{topic}`, `{partition}`, `{key}`, `{key.id}`, `{value.country.code}`, `{header.tenant}` and the record's time in UTC,
 * `{timestamp:yyyy/MM/dd/HH}`. A value is always one name: nothing in a record can lead out of the folder.
 */
export class PathTemplate {
  /** Without a placeholder of the record's content all records of a partition share a folder. */
  readonly isByRecord: boolean;
  private readonly parts: readonly Part[];

  /** Throws DataError that says what is wrong with the template. */
  constructor(template: string) {
    if (template.startsWith('/') || template.startsWith('\\') || /^[A-Za-z]:/.test(template)) throw new DataError('must be relative to the directory');
    const parts: Part[] = [];
    let end = 0;
    let isByRecord = false;
    for (const match of template.matchAll(PLACEHOLDER)) {
      parts.push(template.slice(end, match.index));
      const name = match[1] ?? '';
      isByRecord ||= name !== 'topic' && name !== 'partition';
      parts.push(placeholder(name));
      end = match.index + match[0].length;
    }
    parts.push(template.slice(end));
    const literals = parts.map((it) => (typeof it === 'string' ? it : 'x')).join('');
    if (/[{}]/.test(literals)) throw new DataError('has a brace without its partner');
    if (literals.split(/[/\\]/).some((it) => it === '..' || it.startsWith('.'))) throw new DataError('must not have names that begin with a dot');
    this.parts = parts.filter((it) => it !== '');
    this.isByRecord = isByRecord;
  }

  /** A relative folder with `/` between its names. Throws DataError when the record lacks what a placeholder names. */
  render(record: SinkRecord): string {
    let path = '';
    for (const part of this.parts) path += typeof part === 'string' ? part : part(record);
    return path
      .split('/')
      .filter((it) => it !== '')
      .map(checkedName)
      .join('/');
  }
}

function placeholder(name: string): (record: SinkRecord) => string {
  if (name === 'topic') return (record) => safeName(record.topic);
  if (name === 'partition') return (record) => String(record.partition);
  const [head = '', ...rest] = name.split('.');
  const fields = rest.filter((it) => it !== '');
  if (fields.length === rest.length) {
    if (head === 'key') return (record) => safeName(fieldText(record.keySchema, record.key, fields, name));
    if (head === 'value' && fields.length > 0) return (record) => safeName(fieldText(record.valueSchema, record.value, fields, name));
    if (head === 'header' && fields.length > 0) return (record) => safeName(headerText(record, fields.join('.')));
  }
  if (name.startsWith('timestamp:')) return timestamp(name.slice('timestamp:'.length));
  throw new DataError(`has a placeholder that is not known: {${name}}`);
}

function timestamp(format: string): (record: SinkRecord) => string {
  const rest = format.replace(TIME_LETTERS, '');
  if (format === '' || /[A-Za-z\\]/.test(rest) || rest.includes('..')) throw new DataError(`has a time format other than of yyyy, MM, dd, HH, mm and ss: ${format}`);
  let last = { minuteOrSecond: NaN, text: '' };
  const unitMs = format.includes('ss') ? 1000 : 60_000;
  return (record) => {
    const unit = Math.floor(record.timestampMs / unitMs);
    if (unit !== last.minuteOrSecond) last = { minuteOrSecond: unit, text: timeText(record.timestampMs, format) };
    return last.text;
  };
}

function timeText(timestampMs: number, format: string): string {
  const time = new Date(timestampMs);
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() < 0 || time.getUTCFullYear() > 9999) throw new DataError(`the record's timestamp is not a time: ${timestampMs}`);
  const parts: Record<string, number> = { yyyy: time.getUTCFullYear(), MM: time.getUTCMonth() + 1, dd: time.getUTCDate(), HH: time.getUTCHours(), mm: time.getUTCMinutes(), ss: time.getUTCSeconds() };
  return format.replace(TIME_LETTERS, (it) => String(parts[it]).padStart(it.length, '0'));
}

function fieldText(schema: Schema | null, value: Value, fields: readonly string[], name: string): string {
  let at = value;
  let atSchema: Schema | null | undefined = schema;
  for (const field of fields) {
    if (at instanceof Struct || at instanceof LazyStruct) {
      atSchema = at.schema.field(field)?.schema;
      at = atSchema === undefined ? null : at.get(field);
    } else if (at instanceof Map) {
      atSchema = atSchema?.valueSchema ?? null;
      at = at.get(field) ?? null;
    } else {
      throw new DataError(`the record has nothing for {${name}}`);
    }
  }
  if (at === null) throw new DataError(`the record has nothing for {${name}}`);
  return scalarText(at, atSchema);
}

function headerText(record: SinkRecord, key: string): string {
  const header = record.headers.findLast((it) => it.key === key);
  if (header === undefined || header.value === null) throw new DataError(`the record has no header ${key}`);
  return header.value instanceof Uint8Array ? Buffer.from(header.value).toString('utf8') : scalarText(header.value, header.schema);
}

/** One name for any text: what could end the name, begin a hidden one or lead upwards is percent-encoded. */
function safeName(text: string): string {
  if (text === '') return '_';
  const escaped = text.replace(/[/\\%:*?"<>|\u0000-\u001f\u007f]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return escaped.startsWith('.') ? `%2E${escaped.slice(1)}` : escaped;
}

function checkedName(name: string): string {
  // Parts of a name may meet to what none of them was: `{a}{b}`, `x{topic}`.
  if (name === '.' || name === '..' || name.startsWith('.')) throw new DataError(`a folder named ${name} is refused`);
  if (Buffer.byteLength(name) > SEGMENT_BYTES_MAX) throw new DataError(`a folder's name would be longer than ${SEGMENT_BYTES_MAX} bytes`);
  return name;
}
