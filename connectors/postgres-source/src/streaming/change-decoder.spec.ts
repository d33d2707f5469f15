import fs from 'node:fs';
import path from 'node:path';
import { Schema, type SourceRecord } from '@millrace/connect-api';
import { encodeInteger, encodeUtf8, writeEmptyText, writeZero } from '../columns/encoders/encode.js';
import { readSettings } from '../config/source-settings.js';
import { readStoredPosition, type StoredPosition } from '../rows/position.js';
import { SourceBlock } from '../rows/source-block.js';
import { TablePlan } from '../tables/table-plan.js';
import { parseLsn } from '../wire/lsn.js';
import { Change, readBegin, readRelation } from '../wire/pgoutput.js';
import { renderRecord } from '@millrace/connect-testkit';
import { ChangeDecoder } from './change-decoder.js';

interface Message {
  readonly lsn: number;
  readonly bytes: Buffer;
}

/** What PostgreSQL 18 sent (position and bytes), from pg_logical_slot_peek_binary_changes. */
const STREAM: readonly Message[] = fs
  .readFileSync(path.resolve(__dirname, '../../test/pgoutput-stream.txt'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => {
    const [lsn = '', hex = ''] = line.split(' ');
    return { lsn: parseLsn(lsn), bytes: Buffer.from(hex, 'hex') };
  });

function decoder(stored?: StoredPosition, more: Record<string, string> = {}): ChangeDecoder {
  const settings = readSettings({ 'database.hostname': 'h', 'database.user': 'u', 'database.dbname': 'd', 'topic.prefix': 'p', 'skipped.operations': 'none', ...more });
  return new ChangeDecoder({ settings, source: new SourceBlock({ version: 'v', name: 'p', database: 'd' }), partition: { server: 'p' }, headers: [], stored, ledger: undefined });
}

function decode(target: ChangeDecoder, stream: readonly Message[] = STREAM): SourceRecord[] {
  const records: SourceRecord[] = [];
  for (const { lsn, bytes } of stream) {
    if (bytes[0] === Change.relation) {
      target.setPlan(readRelation(bytes, 0).oid, planOf(bytes));
    } else target.decode(bytes, 0, lsn, records);
  }
  return records;
}

function summary(record: SourceRecord): unknown {
  const { key, value, topic } = renderRecord(record);
  const payload = (value as { payload: Record<string, unknown> } | null)?.payload;
  const shown = (row: unknown): unknown => row && Object.fromEntries(Object.entries(row).map(([name, it]) => [name, typeof it === 'string' && it.length > 20 ? it.length : it]));
  return [topic, key && (key as { payload: unknown }).payload, payload && [payload.op, shown(payload.before), shown(payload.after), payload.message]];
}

describe('ChangeDecoder', () => {
  it('makes records of the bytes of a server', () => {
    expect(decode(decoder()).map(summary)).toEqual([
      ['p.public.g', { id: 1 }, ['c', null, { id: 1, v: 'é', big: 'xxxxxxxxxx' }, undefined]],
      ['p.public.g', { id: 2 }, ['c', null, { id: 2, v: null, big: 3000 }, undefined]],
      ['p.public.g', { id: 1 }, ['u', null, { id: 1, v: 'b', big: 'xxxxxxxxxx' }, undefined]],
      ['p.public.g', { id: 2 }, ['u', null, { id: 2, v: 'c', big: null }, undefined]],
      ['p.public.g', { id: 1 }, ['d', { id: 1, v: null, big: null }, null, undefined]],
      ['p.public.g', { id: 1 }, undefined],
      ['p.public.g', { id: 3 }, ['c', null, { id: 3, v: 'b', big: 'xxxxxxxxxx' }, undefined]],
      ['p.public.g', { id: 3 }, ['d', { id: 3, v: null, big: null }, null, undefined]],
      ['p.public.g', { id: 3 }, undefined],
      ['p.message', { prefix: 'p' }, ['m', undefined, undefined, { prefix: 'p', content: Buffer.from('out').toString('base64') }]],
      ['p.message', { prefix: 'p' }, ['m', undefined, undefined, { prefix: 'p', content: Buffer.from('in').toString('base64') }]],
      ['p.public.g', { id: 7 }, ['c', null, { id: 7, v: 'z', big: 'q', n: 9 }, undefined]],
      ['p.public.g', null, ['t', null, null, undefined]],
    ]);
  });

  it('leaves operations out that are not wanted', () => {
    const ops = decode(decoder(undefined, { 'skipped.operations': 'c,t', 'tombstones.on.delete': 'false', 'message.prefix.exclude.list': 'p' })).map((it) => (renderRecord(it).value as { payload: { op: string } }).payload.op);
    // The row whose key changes loses the create of its new key, as in Debezium.
    expect(ops).toEqual(['u', 'u', 'd', 'd']);
  });

  it('shows the source block of the transaction and of the change', () => {
    const records = decode(decoder());
    const source = (i: number): unknown => (renderRecord(records[i]!).value as { payload: { source: unknown } }).payload.source;
    const lsn = (text: string): number => parseLsn(text);
    expect(source(0)).toMatchObject({ version: 'v', connector: 'postgresql', name: 'p', db: 'd', schema: 'public', table: 'g', snapshot: 'false', txId: 0xa66a0, lsn: lsn('0/34E56C28'), sequence: `[null,"${lsn('0/34E56C28')}"]`, xmin: null, origin: null, origin_lsn: null });
    expect(source(11)).toMatchObject({ txId: 0xa66a3, sequence: `["${lsn('0/34E57D68')}","${lsn('0/34E5CD18')}"]` });
    expect(records[11]!.sourceOffset).toMatchObject({ lsn: lsn('0/34E5CD18'), lsn_proc: lsn('0/34E5CD18'), lsn_commit: lsn('0/34E57D68'), txId: 0xa66a3, messageType: 'INSERT', lsn_events_processed: 1 });
  });

  it('goes on behind any position that it has given', () => {
    const all = decode(decoder()).map(summary);
    for (let i = 0; i <= STREAM.length; i++) {
      const first = decoder();
      const head = decode(first, STREAM.slice(0, i));
      const position = first.position();
      const rest = decode(decoder(position), resent(position));
      expect([...head, ...rest].map(summary)).toEqual(all);
    }
  });

  it('goes on behind any change at which Debezium ended, which does not count the changes of a position', () => {
    const records = decode(decoder());
    const lsns = records.map((it) => it.sourceOffset?.lsn);
    let judged = 0;
    records.forEach((record, i) => {
      const { lsn_events_processed: _, ...offset } = record.sourceOffset ?? {};
      if (!['INSERT', 'UPDATE', 'DELETE'].includes(String(offset.messageType)) || lsns.filter((it) => it === lsns[i]).length > 1) return;
      const stored = readStoredPosition(offset);
      expect(decode(decoder(stored), resent(stored)).map(summary)).toEqual(records.slice(i + 1).map(summary));
      judged += 1;
    });
    expect(judged).toBeGreaterThan(3);
  });
});

/** What the server sends when it is asked to start there: the transactions that commit at that position or later, each of them whole. */
function resent(position: StoredPosition | undefined): Message[] {
  const start = position?.commitLsn ?? position?.lsn ?? 0;
  let isSent = false;
  let isInside = false;
  return STREAM.filter(({ lsn, bytes }) => {
    if (bytes[0] === Change.begin) {
      isInside = true;
      isSent = readBegin(bytes, 0).finalLsn >= start;
    }
    const keeps = isInside ? isSent : lsn > start;
    if (bytes[0] === Change.commit) isInside = false;
    return keeps;
  });
}

function planOf(bytes: Buffer): TablePlan {
  const relation = readRelation(bytes, 0);
  return new TablePlan({
    name: relation,
    names: { topic: 'p.public.g', schema: 'p.public.g', field: (it) => it },
    columns: relation.columns.map((it) => ({ name: it.name, mapping: it.typeOid === 23 ? { schema: Schema.of('int32'), encode: encodeInteger, whenNull: writeZero } : { schema: Schema.of('string'), encode: encodeUtf8, whenNull: writeEmptyText }, isOptional: !it.isIdentity, defaultValue: undefined, isIncluded: true, labels: undefined })),
    key: ['id'],
  });
}
