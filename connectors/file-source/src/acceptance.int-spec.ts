import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describeSourceConnector, type DeliveredRecord, type SourceDriver } from '@millrace/connect-testkit';
import { plugin } from './index.js';

/** A folder; one file, or items spread over several. */
class FolderWorld implements SourceDriver {
  readonly plugin = plugin;
  readonly folder = path.join(__dirname, '..');
  readonly pollRecordsMax = 10;
  private root = '';

  constructor(private readonly files: number) {}

  /** The disk is not there: every file and the folder itself is away. */
  readonly outage = {
    begin: async (): Promise<void> => fs.renameSync(this.root, `${this.root}.away`),
    end: async (): Promise<void> => fs.renameSync(`${this.root}.away`, this.root),
  };

  async open(): Promise<Record<string, string>> {
    this.root = fs.mkdtempSync(path.join(os.tmpdir(), 'file-source-'));
    const files: Record<string, string> = this.files === 1 ? { file: path.join(this.root, 'items-0.log') } : { include: path.join(this.root, '*.log') };
    // The checks load plugins without Node's flag for ES modules in Jest, so nothing is watched here.
    return { ...files, topic: 'items', 'batch.size': '10', 'scan.interval.ms': '20', watch: 'false' };
  }

  async close(): Promise<void> {
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  async seed(first: number, count: number): Promise<void> {
    for (let item = first; item < first + count; item++) fs.appendFileSync(path.join(this.root, `items-${item % this.files}.log`), `item ${item} ä€\n`);
  }

  identify(record: DeliveredRecord): number | undefined {
    return Number(/^item (\d+) ä€$/.exec(String(record.value))?.[1]);
  }

  async fingerprint(): Promise<string> {
    return JSON.stringify(fs.readdirSync(this.root).map((it) => [it, fs.statSync(path.join(this.root, it)).size]));
  }
}

describe('one file', () => describeSourceConnector(new FolderWorld(1)));
describe('several files', () => describeSourceConnector(new FolderWorld(3)));
