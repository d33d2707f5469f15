import { deviationOf } from './deviations.js';
import type { JudgedRecord } from './judged-record.js';
import { isObject, mapMembers, member, parseRaw, textOf, type RawJson } from './raw-json.js';

const CLOCKS = new Set(['ts_ms', 'ts_us', 'ts_ns']);
const POSITIONS = new Set([...CLOCKS, 'txId', 'lsn', 'sequence', 'version', 'origin_lsn']);
/** Columns that the script leaves to `default now()`. */
const NOW_COLUMNS = new Set(['dts', 'nn']);
const CONTEXT = '__debezium.context.';

/** A text of JSON with clocks as `"*"`; positions too, unless both sides have read the same log. */
export function masked(text: string, keepsPositions: boolean): RawJson {
  const root = parseRaw(text);
  const isRow = isObject(root) && member(root, 'op') !== undefined;
  const source = member(root, 'source');
  const keeps = keepsPositions && member(source, 'snapshot') === '"false"';
  return mapMembers(root, (name, value, path) => {
    if (value === 'null') return value;
    const [first] = path;
    if (isRow && path.length === 0) return CLOCKS.has(name) ? '"*"' : value;
    if (isRow && NOW_COLUMNS.has(name) && !keepsPositions) return '"*"';
    if (isRow && first === 'source') return name === 'version' || (POSITIONS.has(name) && !keeps) ? '"*"' : value;
    if (isRow && first === 'transaction') return name === 'id' && !keepsPositions ? '"*"' : value;
    if (path.length === 0 && member(root, 'status') !== undefined && !keepsPositions) return name === 'id' || name === 'ts_ms' ? '"*"' : value;
    // Java's order there differs from run to run.
    if (name === 'additional_data' && path.length === 0 && isObject(value)) return { members: [...value.members].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, it]) => [key, key === 'data_collections' && typeof it === 'string' ? JSON.stringify((JSON.parse(it) as string).split(',').sort().join(',')) : it] as const) };
    if (path.length === 0 && member(root, 'aggregate_type') !== undefined) return name === 'id' || name === 'timestamp' ? '"*"' : value;
    return value;
  });
}

function maskedKey(topic: string, key: string | null, keepsPositions: boolean): string | null {
  if (topic === 'notifications') return key?.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/, '*') ?? null;
  if (key === null || keepsPositions || !/[._]transaction$/.test(topic)) return key;
  return '{"id":"*"}';
}

/** What is compared of a record, and kept in the recording. */
export interface Line {
  readonly topic: string;
  readonly key: string | null;
  readonly keySchema: string | null;
  readonly value: string | null;
  readonly valueSchema: string | null;
  readonly headers: Readonly<Record<string, string | null>>;
}

/** The schema's text out of `{"schema":…,"payload":…}`. */
function schemaText(full: string | null, payload: string | null): string | null {
  if (full === null || full.startsWith('"not written')) return null;
  const tail = `,"payload":${payload}}`;
  if (!full.startsWith('{"schema":') || !full.endsWith(tail)) throw new Error(`the texts with and without a schema differ in their payload: ${full.slice(-200)}`);
  return full.slice('{"schema":'.length, full.length - tail.length);
}

export function lineOf(record: JudgedRecord, keepsPositions: boolean): Line {
  const { topic, key, keyFull, value, valueFull } = record;
  return {
    topic,
    key: maskedKey(topic, key, keepsPositions),
    keySchema: schemaText(keyFull, key),
    value: value === null ? null : textOf(masked(value, keepsPositions)),
    valueSchema: schemaText(valueFull, value),
    headers: Object.fromEntries(Object.entries(record.headers).map(([name, it]) => [name, name.startsWith(CONTEXT) ? name === `${CONTEXT}runId` ? '*' : it : it])),
  };
}

/** Without begins and ends of transactions that change nothing: how many there are depends on who else is at work. */
export function withoutEmptyTransactions(lines: readonly Line[]): Line[] {
  const kept: Line[] = [];
  for (const line of lines) {
    if (!/[._]transaction$/.test(line.topic) || !line.value?.includes('"event_count":0,')) kept.push(line);
    else kept.splice(kept.findLastIndex((it) => it.topic === line.topic), 1);
  }
  return kept;
}

/** Where the two differ, a line for each; those that are wanted are left out and counted in `used`. */
export function differences(profile: string, ours: readonly Line[], theirs: readonly Line[], used: Map<string, number>): string[] {
  const found: string[] = [];
  const topics = [...new Set([...theirs, ...ours].map((it) => it.topic))];
  for (const topic of topics) {
    const own = ours.filter((it) => it.topic === topic);
    const other = theirs.filter((it) => it.topic === topic);
    let isOff = false;
    for (let i = 0; i < Math.max(own.length, other.length); i++) {
      const [a, b] = [own[i], other[i]];
      const where = `${topic}[${i}]`;
      if (!a || !b) {
        const deviation = deviationOf({ profile, topic, part: 'count', ours: a ?? null, theirs: b ?? null });
        if (deviation) used.set(deviation, (used.get(deviation) ?? 0) + 1);
        else found.push(`${where} ${a ? `only ours: ${a.value}` : `only theirs: ${b?.value}`}`);
        continue;
      }
      const whole = deviationOf({ profile, topic, part: 'record', ours: a, theirs: b });
      if (whole && JSON.stringify(a) !== JSON.stringify(b)) isOff = true;
      if (isOff && whole) {
        used.set(whole, (used.get(whole) ?? 0) + 1);
        continue;
      }
      if (a.key !== b.key) found.push(`${where} key: ours ${a.key} theirs ${b.key}`);
      for (const part of ['keySchema', 'valueSchema', 'value'] as const) {
        for (const it of partDifferences(a[part], b[part])) {
          const deviation = deviationOf({ profile, topic, part, path: it.path, oursText: it.ours, theirsText: it.theirs, ours: a, theirs: b });
          if (deviation) used.set(deviation, (used.get(deviation) ?? 0) + 1);
          else found.push(`${where} ${part} ${it.path}: ours ${it.ours} theirs ${it.theirs}`);
        }
      }
      const [ah, bh] = [JSON.stringify(sorted(a.headers)), JSON.stringify(sorted(b.headers))];
      if (ah !== bh) found.push(`${where} headers: ours ${ah} theirs ${bh}`);
    }
  }
  return found;
}

function sorted(headers: Readonly<Record<string, string | null>>): unknown {
  return Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
}

interface PartDifference {
  readonly path: string;
  readonly ours: string;
  readonly theirs: string;
}

/** Down to the member; fields of schemas go by their names. */
function partDifferences(ours: string | null, theirs: string | null): PartDifference[] {
  if (ours === theirs) return [];
  if (ours === null || theirs === null) return [{ path: '', ours: String(ours), theirs: String(theirs) }];
  const found: PartDifference[] = [];
  descend(parseRaw(ours), parseRaw(theirs), '', found);
  return found.length > 0 ? found : [{ path: '', ours, theirs }];
}

function descend(ours: RawJson, theirs: RawJson, path: string, found: PartDifference[]): void {
  const [own, other] = [entries(ours), entries(theirs)];
  const [a, b] = [textOf(ours), textOf(theirs)];
  if (a === b) return;
  if (!own || !other) return void found.push({ path, ours: a, theirs: b });
  const names = own.map(([name]) => name);
  const otherNames = other.map(([name]) => name);
  for (const [name, value] of own) {
    const match = other.find(([it]) => it === name);
    if (match) descend(value, match[1], `${path}.${name}`, found);
    else found.push({ path: `${path}.${name}`, ours: textOf(value), theirs: '(absent)' });
  }
  for (const [name, value] of other) if (!names.includes(name)) found.push({ path: `${path}.${name}`, ours: '(absent)', theirs: textOf(value) });
  const common = names.filter((it) => otherNames.includes(it));
  if (common.join() !== otherNames.filter((it) => names.includes(it)).join()) found.push({ path: `${path}(order)`, ours: names.join(), theirs: otherNames.join() });
}

function entries(it: RawJson): (readonly [string, RawJson])[] | undefined {
  if (typeof it === 'string') return undefined;
  if (isObject(it)) return [...it.members];
  if (it.length > 0 && it.every((item) => member(item, 'field') !== undefined)) return it.map((item) => [String(member(item, 'field')), item]);
  return undefined;
}
