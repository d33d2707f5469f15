import { MetadataImage } from '@millrace/metadata';
import { encodeMetadataRecord, type MetadataRecord } from '@millrace/protocol';
import { ByteWriter } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { RecordBatchBuilder, stampBatch } from '@millrace/records';
import { World } from '../world.js';
import { SimulatedDisk } from '../disk/simulated-disk.js';
import { METADATA_FOLDER, MetadataHistory } from './metadata-history.js';

const TOPIC = 'c2ltdWxhdGVkLXRvcGljMQ';
const OTHER = 'c2ltdWxhdGVkLXRvcGljMg';

const topic = (topicId: string, name: string): MetadataRecord => ({ type: 'TopicRecord', version: 0, record: { topicId, name } });
const partition = (topicId: string, epoch: number, isr: number[]): MetadataRecord => ({
  type: 'PartitionRecord',
  version: 0,
  record: { topicId, partitionId: 0, replicas: [1, 2, 3], isr, removingReplicas: [], addingReplicas: [], leader: isr[0] ?? -1, leaderRecoveryState: 0, leaderEpoch: epoch, partitionEpoch: epoch, directories: [], eligibleLeaderReplicas: null, lastKnownElr: null },
});

function imageOf(lastOffset: number, records: readonly MetadataRecord[]): MetadataImage {
  const image = new MetadataImage();
  image.replayAll(records);
  image.lastOffset = lastOffset;
  return image;
}

function diskWith(world: World, baseOffset: number, records: readonly MetadataRecord[]): SimulatedDisk {
  const disk = new SimulatedDisk(world.chance('disk'));
  const files = disk.mount(world.process('broker', world.wallClock()));
  files.makeFolder(`/data/${METADATA_FOLDER}`);
  const log = files.open(`/data/${METADATA_FOLDER}/${String(baseOffset).padStart(20, '0')}.log`, 'exclusive');
  records.forEach((record, i) => {
    const writer = new ByteWriter(256);
    encodeMetadataRecord(writer, record);
    const builder = new RecordBatchBuilder();
    builder.append(null, writer.take(), 0);
    const batch = builder.build({ codecs: nodeCodecs });
    stampBatch(batch, 0, baseOffset + i, 1);
    log.append(batch);
  });
  return disk;
}

describe('where every log has been cut behind what the history knows', () => {
  const world = new World(1);
  const history = new MetadataHistory(world);
  const key = `${TOPIC}-0`;
  history.read(diskWith(world, 0, [topic(TOPIC, 't'), partition(TOPIC, 0, [1, 2, 3]), topic(OTHER, 'other'), partition(OTHER, 0, [1, 2, 3])]), 4);
  const cut = diskWith(world, 50, [partition(TOPIC, 8, [2, 1])]);

  it('nothing is taken from behind the hole', () => {
    expect(history.latest(key)).toMatchObject({ partitionEpoch: 0, isr: [1, 2, 3] });
    history.read(cut, 51);
    expect(history.latest(key)).toMatchObject({ partitionEpoch: 0, isr: [1, 2, 3] });
  });

  it('goes on from an image: it knows what is, not what lay between, and who may have been away', () => {
    history.beginAnewAt(imageOf(49, [topic(TOPIC, 't'), partition(TOPIC, 7, [2])]));
    expect(history.latest(key)).toMatchObject({ partitionEpoch: 7, isr: [2], leader: 2 });
    expect(history.at(key, 0)).toMatchObject({ isr: [1, 2, 3] });
    expect(history.at(key, 3)).toBeUndefined();
    expect([history.isRemovedSince(key, 2, 0), history.isRemovedSince(`${OTHER}-0`, 2, 0)]).toEqual([true, true]);
  });

  it('reads logs from there on, and takes no image that is older', () => {
    history.beginAnewAt(imageOf(20, [topic(TOPIC, 't'), partition(TOPIC, 5, [3])]));
    history.read(cut, 51);
    expect(history.latest(key)).toMatchObject({ partitionEpoch: 8, isr: [2, 1] });
  });

  it('a partition that did not change, or once, has no hole', () => {
    const known = new MetadataHistory(world);
    known.read(diskWith(world, 0, [topic(TOPIC, 't'), partition(TOPIC, 0, [1, 2, 3])]), 2);
    known.beginAnewAt(imageOf(30, [topic(TOPIC, 't'), partition(TOPIC, 1, [1, 2])]));
    known.beginAnewAt(imageOf(60, [topic(TOPIC, 't'), partition(TOPIC, 1, [1, 2])]));
    expect([known.at(key, 0)?.isr, known.at(key, 1)?.isr]).toEqual([[1, 2, 3], [1, 2]]);
    expect(known.isRemovedSince(key, 2, 0)).toBe(false);
    expect(world.breaches).toEqual([]);
  });
});
