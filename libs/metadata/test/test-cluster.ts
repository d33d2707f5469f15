import { ByteWriter, type Random } from '@millrace/foundation';
import { decodeMetadataRecord, encodeMetadataRecord, type BrokerRegistrationRequest, type CreateTopicsRequest, type MetadataRecord } from '@millrace/protocol';
import { DYNAMIC_BROKER_CONFIGS, Controller, MetadataDelta, MetadataImage, SUPPORTED_FEATURES, type ControllerConfig, type ControllerResult } from '../src/index.js';
import { SeededRandom } from '@millrace/testkit';

export const CLUSTER_ID = 'kkkkkkkkkkkkkkkkkkkkkk';

/** A controller with its log in memory, records going through their bytes; and the image of a broker that follows. */
export class TestCluster {
  nowMs = 1_000_000;
  readonly log: Uint8Array[] = [];
  readonly controller: Controller;
  readonly follower = new MetadataImage();
  /** What the last operation changed, as a broker sees it. */
  delta = new MetadataDelta();
  readonly random: Random;

  constructor(config: Partial<ControllerConfig> = {}, seed = 1) {
    const generator = new SeededRandom(seed);
    this.random = { bytes: (length) => Uint8Array.from({ length }, () => generator.integer(256)), integer: (bound) => generator.integer(bound) };
    this.controller = new Controller({
      clusterId: CLUSTER_ID,
      defaultPartitions: 1,
      defaultReplicationFactor: 1,
      brokerSessionTimeoutMs: 9000,
      staticBrokerConfigs: new Map(),
      dynamicBrokerConfigs: DYNAMIC_BROKER_CONFIGS,
      ...config,
    });
    this.append(this.controller.activate(this.nowMs));
  }

  get moment(): { nowMs: number; random: Random } {
    return { nowMs: this.nowMs, random: this.random };
  }

  run<Response>(result: ControllerResult<Response>): Response {
    this.append(result.records);
    return result.response;
  }

  append(records: readonly MetadataRecord[]): void {
    this.delta = new MetadataDelta();
    const decoded = records.map((record) => {
      const writer = new ByteWriter();
      encodeMetadataRecord(writer, record);
      const bytes = writer.take();
      this.log.push(bytes);
      return decodeMetadataRecord(bytes);
    });
    this.controller.replayBatch(decoded, this.log.length - decoded.length);
    this.follower.replayAll(decoded, this.delta);
  }

  register(brokerId: number, options: Partial<BrokerRegistrationRequest> = {}): { errorCode?: number; brokerEpoch?: number } {
    return this.run(
      this.controller.registerBroker(
        this.moment,
        {
          brokerId,
          clusterId: CLUSTER_ID,
          incarnationId: `incarnation${brokerId}AAAAAAAAAA`,
          listeners: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092 + brokerId, securityProtocol: 0 }],
          features: SUPPORTED_FEATURES.map((it) => ({ ...it })),
          rack: null,
          isMigratingZkBroker: false,
          logDirs: [`directory${brokerId}AAAAAAAAAAAA`],
          previousBrokerEpoch: -1,
          ...options,
        },
        this.log.length,
      ),
    );
  }

  heartbeat(brokerId: number, options: { wantShutDown?: boolean; wantFence?: boolean; behind?: number; epoch?: number; offlineLogDirs?: string[]; cordonedLogDirs?: string[] } = {}): { errorCode?: number; isFenced?: boolean; shouldShutDown: boolean; isCaughtUp?: boolean } {
    return this.run(
      this.controller.brokerHeartbeat(this.moment, {
        brokerId,
        brokerEpoch: options.epoch ?? this.controller.image.broker(brokerId)?.epoch ?? -1,
        currentMetadataOffset: this.log.length - 1 - (options.behind ?? 0),
        wantFence: options.wantFence ?? false,
        wantShutDown: options.wantShutDown ?? false,
        offlineLogDirs: options.offlineLogDirs ?? [],
        cordonedLogDirs: options.cordonedLogDirs ?? null,
      }),
    );
  }

  start(...brokerIds: readonly number[]): void {
    for (const id of brokerIds) {
      this.register(id);
      this.heartbeat(id);
    }
  }

  create(topic: Partial<CreateTopicsRequest.Topic> & { name: string }, validateOnly = false): { errorCode?: number; errorMessage?: string | null } {
    const response = this.run(
      this.controller.createTopics(this.moment, { topics: [{ numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...topic }], timeoutMs: 1000, validateOnly }),
    );
    const [only] = response.topics;
    if (only === undefined) throw new Error('no answer');
    return only;
  }

  /** The partitions of a topic in short: `replicas/isr [eligible?] leader@leaderEpoch v partitionEpoch`. */
  partitions(topic: string): string[] {
    return (this.controller.image.topic(topic)?.partitions ?? []).map((it) => `${it.replicas.join(',')}/${it.isr.join(',')} ${it.eligibleLeaderReplicas.map((id) => `${id}? `).join('')}${it.leader}@${it.leaderEpoch} v${it.partitionEpoch}`);
  }
}
