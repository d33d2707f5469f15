import { readFileSync } from 'node:fs';
import path from 'node:path';
import { at, configTable, describeSourceConnector, type DeliveredRecord, type SourceDriver } from '@millrace/connect-testkit';
import { FeedService } from './feed-service.js';
import { plugin, SETTINGS } from './index.js';

const FEEDS = ['even', 'odd'];

/** A service with two feeds for each check. */
class ServiceDriver implements SourceDriver {
  readonly plugin = plugin;
  readonly folder = path.join(__dirname, '..');
  readonly pollRecordsMax = 10;
  private service = new FeedService();

  readonly outage = {
    begin: (): Promise<void> => Promise.resolve(this.service.fail(true)),
    end: (): Promise<void> => Promise.resolve(this.service.fail(false)),
  };

  async open(): Promise<Record<string, string>> {
    this.service = new FeedService();
    return { url: await this.service.start(), feeds: FEEDS.join(','), topic: 'entries', token: 'a-long-Secret', 'batch.max.records': '10', 'poll.interval.ms': '20' };
  }

  close(): Promise<void> {
    return this.service.stop();
  }

  seed(first: number, count: number): Promise<void> {
    for (let id = first; id < first + count; id++) this.service.add(FEEDS[id % 2] ?? '', id);
    return Promise.resolve();
  }

  identify(record: DeliveredRecord): number | undefined {
    return Number(at(record.value, 'id'));
  }
}

describeSourceConnector(new ServiceDriver());

it('has its settings in the README', () => {
  expect(readFileSync(path.join(__dirname, '../README.md'), 'utf8')).toContain(configTable(SETTINGS));
});
