import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Schema, Struct } from '@millrace/connect-api';
import { configTable, describeSinkConnector, type RecordParts, type SinkDriver } from '@millrace/connect-testkit';
import { plugin, SETTINGS } from './index.js';
import { ItemService } from './item-service.js';

const KEY = Schema.of('int64');
const ITEM = Schema.struct({ text: Schema.of('string') }, { name: 'example.Item' });
const WIDER_ITEM = Schema.struct({ text: Schema.of('string'), more: Schema.of('int32') }, { name: 'example.Item', version: 2 });

/** An empty service for each check. */
class ServiceDriver implements SinkDriver {
  readonly plugin = plugin;
  readonly folder = path.join(__dirname, '..');
  readonly claims = { idempotent: true, deletes: true };
  private service = new ItemService();

  readonly outage = {
    begin: (): Promise<void> => Promise.resolve(this.service.fail(true)),
    end: (): Promise<void> => Promise.resolve(this.service.fail(false)),
  };

  async open(): Promise<Record<string, string>> {
    this.service = new ItemService();
    return { url: await this.service.start(), token: 'a-long-Secret' };
  }

  close(): Promise<void> {
    return this.service.stop();
  }

  record(item: number): RecordParts {
    return this.item(item, `item ${item}`);
  }

  readBack(): Promise<number[]> {
    return Promise.resolve([...this.service.items.keys()].map(Number));
  }

  badRecord(item: number): RecordParts {
    return this.item(item, 'bad');
  }

  changedRecord(item: number): RecordParts {
    return { keySchema: KEY, key: BigInt(item), valueSchema: WIDER_ITEM, value: new Struct(WIDER_ITEM, { text: 'wider', more: 1 }) };
  }

  largeRecord(item: number, bytes: number): RecordParts {
    return this.item(item, 'x'.repeat(bytes));
  }

  private item(item: number, text: string): RecordParts {
    return { keySchema: KEY, key: BigInt(item), valueSchema: ITEM, value: new Struct(ITEM, { text }) };
  }
}

describeSinkConnector(new ServiceDriver());

it('has its settings in the README', () => {
  expect(readFileSync(path.join(__dirname, '../README.md'), 'utf8')).toContain(configTable(SETTINGS));
});
