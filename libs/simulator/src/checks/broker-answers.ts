import { ZERO_UUID, type BrokerEpoch, type BrokerId, type Offset, type PartitionEpoch, type Uuid } from '@millrace/foundation';
import { AlterPartition, ErrorCode, Fetch, Produce, type AlterPartitionRequest, type AlterPartitionResponse, type FetchRequest, type FetchResponse, type ProduceRequest, type ProduceResponse } from '@millrace/protocol';
import { BATCH_OVERHEAD_BYTES, readBatchHeader } from '@millrace/records';
import type { SimulatedBroker } from '../cluster/simulated-broker.js';
import type { World } from '../world.js';
import { keyOf, type HostedReplica } from './broker-view.js';
import type { MetadataHistory } from './metadata-history.js';
import { watching, type Serving, type WireTap } from './wire-tap.js';

export interface BrokerAnswersOptions {
  readonly world: World;
  readonly tap: WireTap;
  readonly history: MetadataHistory;
  /** By topic id when it is not zero, else by name. */
  readonly hostedOn: (host: string, topicId: Uuid, topic: string, partition: number) => { readonly node: SimulatedBroker; readonly hosted: HostedReplica } | undefined;
  /** `askedAt`: the partition epoch when the request came. */
  readonly onAcknowledged: (node: SimulatedBroker, hosted: HostedReplica, baseOffset: Offset, askedAt: PartitionEpoch) => void;
}

/** A change of in-sync replicas that a controller has answered with yes. */
interface TakenProposal {
  readonly host: string;
  readonly key: string;
  readonly proposedAt: PartitionEpoch;
  readonly committedAt: PartitionEpoch;
  readonly isr: readonly { readonly brokerId: BrokerId; readonly brokerEpoch: BrokerEpoch }[];
}

/** What brokers answer, judged as it leaves them: invariants 4, 9, 10, 11 and 27 where the wire shows them. */
export class BrokerAnswers {
  private taken: TakenProposal[] = [];
  /** Of a connection and a partition: where the last append of a producer without idempotence went. */
  private readonly lastAppends = new Map<string, Offset>();

  constructor(private readonly options: BrokerAnswersOptions) {
    const { tap } = options;
    tap.watch(watching(Produce, (serving, request) => this.produce(serving, request)));
    tap.watch(watching(Fetch, (serving, request) => this.staleFetch(serving, request)));
    tap.watch(watching(AlterPartition, (serving, request) => (response) => this.isrAnswered(serving, request, response)));
  }

  /** What could not be judged before the history had it. */
  look(): void {
    const { world, history } = this.options;
    this.taken = this.taken.filter((it) => {
      const { host, key, proposedAt, committedAt, isr } = it;
      const before = history.at(key, proposedAt);
      const after = history.at(key, committedAt);
      if (before === undefined || after === undefined) return true;
      const isChanged = before.isr.length !== isr.length || isr.some(({ brokerId }) => !before.isr.includes(brokerId));
      if (isChanged && committedAt !== proposedAt + 1) {
        world.breach(11, `${key}: ${host} takes the in-sync replicas ${isr.map(({ brokerId }) => brokerId).join()}, proposed for partition epoch ${proposedAt}, as partition epoch ${committedAt}`);
      }
      for (const { brokerId, brokerEpoch } of isr) {
        const registered = history.brokerEpochAt(brokerId, after.offset);
        if (before.isr.includes(brokerId) || brokerEpoch < 0 || registered === brokerEpoch || !after.isr.includes(brokerId)) continue;
        world.breach(10, `${key}: ${host} lets broker ${brokerId} of broker epoch ${brokerEpoch} into the in-sync replicas, whose epoch is ${registered ?? 'unknown'} by then`);
      }
      return false;
    });
  }

  private produce(serving: Serving, request: ProduceRequest): (response: ProduceResponse) => void {
    const { hostedOn, onAcknowledged } = this.options;
    const asked = request.topicData.map((topic) =>
      topic.partitionData.map((it) => {
        const found = hostedOn(serving.host, topic.topicId ?? ZERO_UUID, topic.name ?? '', it.index);
        // The records are lent: what is needed of them is taken now.
        return { found, askedAt: found?.hosted.machine.partitionEpoch ?? -1, producerId: it.records === null || it.records.length < BATCH_OVERHEAD_BYTES ? -1 : readBatchHeader(it.records, 0).producerId };
      }),
    );
    return (response) =>
      response.responses.forEach((topic, i) =>
        topic.partitionResponses.forEach((it, j) => {
          const { found, askedAt, producerId } = asked[i]?.[j] ?? { found: undefined, askedAt: -1, producerId: -1 };
          if (it.errorCode !== ErrorCode.NONE || found === undefined) return;
          if (request.acks === -1) onAcknowledged(found.node, found.hosted, it.baseOffset, askedAt);
          if (producerId < 0) this.expectInOrder(serving, found.hosted, it.baseOffset);
        }),
      );
  }

  /** Invariant 27: what is pipelined on a connection is appended in its order. With idempotence a second attempt may be answered with the place of the first. */
  private expectInOrder({ host, connection }: Serving, hosted: HostedReplica, baseOffset: Offset): void {
    const key = `${connection}/${keyOf(hosted)}`;
    const before = this.lastAppends.get(key) ?? -1;
    if (baseOffset <= before) this.options.world.breach(27, `${host}, connection ${connection}: an append to ${hosted.topic}-${hosted.partition} went to offset ${baseOffset}, the one before it to ${before}`);
    this.lastAppends.set(key, baseOffset);
  }

  /** Invariant 9: who names an older epoch than the broker knows is given no records. Undefined when nobody does. */
  private staleFetch(serving: Serving, request: FetchRequest): ((response: FetchResponse) => void) | undefined {
    const { world, hostedOn } = this.options;
    const stale = new Map<string, { readonly asked: number; readonly known: number }>();
    for (const topic of request.topics) {
      for (const it of topic.partitions) {
        const asked = it.currentLeaderEpoch ?? -1;
        const known = asked < 0 ? undefined : hostedOn(serving.host, topic.topicId ?? ZERO_UUID, topic.topic ?? '', it.partition)?.hosted.machine.leaderEpoch;
        if (known !== undefined && asked < known) stale.set(`${topic.topicId ?? topic.topic}-${it.partition}`, { asked, known });
      }
    }
    if (stale.size === 0) return undefined;
    return (response) => {
      for (const topic of response.responses) {
        for (const it of topic.partitions) {
          const said = stale.get(`${topic.topicId ?? topic.topic}-${it.partitionIndex}`);
          if (said !== undefined && it.errorCode === ErrorCode.NONE) world.breach(9, `${serving.host}: a fetch of ${topic.topicId ?? topic.topic}-${it.partitionIndex} in leader epoch ${said.asked} is served, where ${said.known} is known`);
        }
      }
    };
  }

  private isrAnswered({ host }: Serving, request: AlterPartitionRequest, response: AlterPartitionResponse): void {
    if (response.errorCode !== ErrorCode.NONE) return;
    for (const topic of response.topics) {
      const asked = request.topics.find((it) => it.topicId === topic.topicId);
      for (const it of topic.partitions) {
        const proposal = asked?.partitions.find((other) => other.partitionIndex === it.partitionIndex);
        if (it.errorCode !== ErrorCode.NONE || proposal === undefined) continue;
        const isr = proposal.newIsrWithEpochs.length > 0 ? proposal.newIsrWithEpochs : proposal.newIsr.map((brokerId) => ({ brokerId, brokerEpoch: -1 }));
        this.taken.push({ host, key: `${topic.topicId}-${it.partitionIndex}`, proposedAt: proposal.partitionEpoch, committedAt: it.partitionEpoch, isr });
      }
    }
  }
}
