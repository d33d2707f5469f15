import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Schema, Struct } from '@millrace/connect-api';
import { describeSinkConnector, type RecordParts, type SinkClaims, type SinkDriver } from '@millrace/connect-testkit';
import { allLines } from '../test/sink-driver.js';
import { plugin } from './index.js';

const ITEM = Schema.struct({ item: Schema.of('int32'), note: Schema.of('string') });
const WIDER = Schema.struct({ item: Schema.of('int32'), note: Schema.of('string'), more: Schema.of('string') });

/** A folder, and what is visible in it. */
class FolderWorld implements SinkDriver {
  readonly plugin = plugin;
  readonly folder = path.join(__dirname, '..');
  protected root = '';

  constructor(
    private readonly settings: Readonly<Record<string, string>>,
    readonly claims: SinkClaims,
  ) {}

  /** The disk is not there. */
  readonly outage = {
    begin: async (): Promise<void> => {
      fs.renameSync(this.root, `${this.root}.away`);
      fs.writeFileSync(this.root, 'a file in the way');
    },
    end: async (): Promise<void> => {
      fs.rmSync(this.root);
      fs.renameSync(`${this.root}.away`, this.root);
    },
  };

  async open(): Promise<Record<string, string>> {
    this.root = fs.mkdtempSync(path.join(os.tmpdir(), 'file-sink-'));
    return { directory: this.root, 'rotate.records': '7', 'rotate.interval.ms': '1', ...this.settings };
  }

  async close(): Promise<void> {
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  record(item: number): RecordParts {
    return this.parts(item, `note ${item}`);
  }

  async readBack(): Promise<number[]> {
    return allLines(this.root).map((it) => (JSON.parse(it) as { item: number }).item);
  }

  badRecord(item: number): RecordParts {
    return { ...this.parts(item, 'bad'), value: 'no struct' };
  }

  changedRecord(item: number): RecordParts {
    return { ...this.parts(item, ''), valueSchema: WIDER, value: new Struct(WIDER, { item, note: '', more: 'm' }) };
  }

  largeRecord(item: number, bytes: number): RecordParts {
    return this.parts(item, 'x'.repeat(bytes));
  }

  async fingerprint(): Promise<string> {
    return JSON.stringify(fs.readdirSync(this.root));
  }

  private parts(item: number, note: string): RecordParts {
    return { keySchema: Schema.of('string'), key: `k${item}`, valueSchema: ITEM, value: new Struct(ITEM, { item, note }) };
  }
}

const EXACTLY_ONCE = { idempotent: true, exactlyOnce: true } as const;
describe('one file a run', () => describeSinkConnector(new FolderWorld({}, { ...EXACTLY_ONCE, ordered: true })));
describe('many files a run, compressed', () => describeSinkConnector(new FolderWorld({ compression: 'gzip', 'path.template': '{topic}/{key}', 'open.files.max': '3' }, EXACTLY_ONCE)));
