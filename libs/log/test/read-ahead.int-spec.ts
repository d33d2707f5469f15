import { temporaryFolder } from '@millrace/testkit';
import { batchOf, LocalBroker, RawClient } from './local-broker.js';

describe('records that are on the disk only', () => {
  const folder = temporaryFolder('read-ahead');
  afterAll(() => folder.remove());

  it('are the same for every reader, however far it has been read ahead', async () => {
    const first = await LocalBroker.start({}, { folder: folder.path });
    const producer = await RawClient.connect(first.port);
    await producer.createTopic('old');
    const batches: Buffer[] = [];
    for (let i = 0; i < 60; i++) {
      const batch = batchOf([{ key: `${i}`, value: String(i % 10).repeat(100_000 + i) }]);
      expect(await producer.produce('old', batch)).toMatchObject({ errorCode: 0, baseOffset: i });
      // Behind the fields that the broker stamps.
      batches.push(Buffer.from(batch.subarray(16)));
    }
    producer.close();
    await first.broker.stop();

    // A new process has nothing in memory.
    const second = await LocalBroker.start({}, { folder: folder.path });
    const follow = async (partitionMaxBytes: number, startOffset: number, pauseEvery: number): Promise<void> => {
      const client = await RawClient.connect(second.port);
      let offset = startOffset;
      for (let round = 0; offset < batches.length; round++) {
        const { records, errorCode, highWatermark } = await client.fetch('old', offset, { partitionMaxBytes });
        expect({ errorCode, highWatermark }).toEqual({ errorCode: 0, highWatermark: 60 });
        const bytes = Buffer.from(records ?? []);
        expect(bytes.length).toBeGreaterThan(0);
        for (let at = 0; at < bytes.length; offset++) {
          const size = 12 + bytes.readInt32BE(at + 8);
          expect({ offset, isSame: bytes.subarray(at + 16, at + size).equals(batches[offset] ?? Buffer.alloc(0)) }).toEqual({ offset, isSame: true });
          at += size;
        }
        if (round % pauseEvery === 0) await new Promise(setImmediate);
      }
      client.close();
    };
    await Promise.all([follow(1_048_576, 0, 1), follow(1_048_576, 0, 3), follow(300_000, 7, 2), follow(50_000, 20, 5), follow(1_048_576, 31, 1), follow(2_000_000, 0, 2)]);
    await second.broker.stop();
  }, 60_000);
});
