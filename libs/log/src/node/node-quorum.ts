import { ZERO_UUID, type Endpoint, type Logger } from '@millrace/foundation';
import { staticVoters, type RaftEndpoint, type RaftNode, type RoleChange, type Voter } from '@millrace/raft';
import { QuorumStateFile } from '@millrace/storage';
import type { ImageFollower } from '../broker/image-follower.js';
import type { BrokerConfig } from '../config/broker-config.js';
import type { ControllerDriver } from '../controller/controller-driver.js';
import type { LeaderWatch } from '../controller/leader-watch.js';
import type { MetadataListener } from '../quorum/committed-log.js';
import { MetadataSnapshots } from '../quorum/metadata-snapshots.js';
import { MetadataStore } from '../quorum/metadata-store.js';
import { QuorumDriver } from '../quorum/quorum-driver.js';
import type { NodeDirectories } from './node-directories.js';
import type { NodePorts } from './node-ports.js';

const FETCH_WAIT_MS_MAX = 500;

export interface NodeQuorumOptions {
  readonly config: BrokerConfig;
  readonly directories: NodeDirectories;
  readonly ports: NodePorts;
  readonly decompressedBytesMax: number;
  readonly logger: Logger;
  readonly follower: ImageFollower;
  /** Undefined without the role controller. */
  readonly controller: ControllerDriver | undefined;
  readonly watch: LeaderWatch;
  /** Where other nodes reach this one's listeners for controllers. */
  readonly controllerEndpoints: readonly RaftEndpoint[];
  readonly onFailure: (error: unknown) => void;
}

/** This node's part in the metadata quorum (voter or observer), and what it does with committed metadata. */
export class NodeQuorum {
  private constructor(
    readonly driver: QuorumDriver,
    private readonly snapshots: MetadataSnapshots,
  ) {}

  /** Opens the metadata log; `start` of the driver begins. */
  static async open(options: NodeQuorumOptions): Promise<NodeQuorum> {
    const { config, directories, ports, decompressedBytesMax, logger, follower, controller, watch } = options;
    const { fileSystem, clock, codecs } = ports;
    const directory = directories.metadata;
    const [segmentBytes, segmentMs] = [config.get('metadata.log.segment.bytes'), config.get('metadata.log.segment.ms')];
    const store = await MetadataStore.open({ fileSystem, directory, segmentBytes, segmentMs, clock, codecs, logger, decompressedBytesMax });
    const { roles } = config;
    const listenerName = roles.controllerListenerName;
    const voters = votersOf(options, store.control.voterSets.length > 0);
    const requestTimeoutMs = config.get('controller.quorum.request.timeout.ms');
    const fetchTimeoutMs = config.get('controller.quorum.fetch.timeout.ms');
    const parts: { snapshots?: MetadataSnapshots } = {};
    const driver = new QuorumDriver({
      machine: {
        nodeId: config.nodeId,
        directoryId: directory.directoryId,
        clusterId: directories.clusterId,
        listenerName,
        localListeners: roles.isController ? options.controllerEndpoints : [],
        canBecomeVoter: roles.isController,
        isJoiningByItself: config.get('controller.quorum.auto.join.enable'),
        bootstrapServers: bootstrapServers(config, voters),
        staticVoters: voters,
        settings: {
          electionTimeoutMs: config.get('controller.quorum.election.timeout.ms'),
          fetchTimeoutMs,
          // A fetch that waits for records comes back long before its follower despairs of the leader.
          fetchMaxWaitMs: Math.min(FETCH_WAIT_MS_MAX, Math.floor(fetchTimeoutMs / 4)),
          electionBackoffMaxMs: config.get('controller.quorum.election.backoff.max.ms'),
          requestTimeoutMs,
          retryBackoffMs: config.get('controller.quorum.retry.backoff.ms'),
        },
      },
      store,
      stateFile: new QuorumStateFile(fileSystem, store.log.folder),
      ports,
      requestTimeoutMs,
      decompressedBytesMax,
      logger,
      listener: listenerOf(follower, controller, () => parts.snapshots),
      onRoleChange: (change) => {
        controller?.roleChanged(change);
        watch.change({ leaderId: change.leaderId, leaderEpoch: change.leaderEpoch, endpoint: endpointOf(change, listenerName) });
      },
      onFailure: (error) => {
        // Nothing is committed here any more: whoever waits for that is told, and nobody is known to lead.
        controller?.stop();
        watch.change({ leaderId: -1, endpoint: undefined, isLocal: false });
        options.onFailure(error);
      },
    });
    parts.snapshots = new MetadataSnapshots({ config, store, quorum: driver, image: follower.image, logger });
    return new NodeQuorum(driver, parts.snapshots);
  }

  async stop(timeoutMs: number): Promise<void> {
    await this.driver.stop(timeoutMs);
    await this.snapshots.settled();
  }
}

/** Who votes while the log does not say: `controller.quorum.voters`, or this node alone. */
function votersOf({ config, controllerEndpoints }: NodeQuorumOptions, isInLog: boolean): readonly Voter[] {
  const { voters, isSole, controllerListenerName } = config.roles;
  if (!isSole || isInLog) return staticVoters(voters, controllerListenerName);
  const endpoints = controllerEndpoints.length > 0 ? controllerEndpoints : voters.map(({ host, port }) => ({ name: controllerListenerName, host, port }));
  return [{ voterId: config.nodeId, voterDirectoryId: ZERO_UUID, endpoints: endpoints.length > 0 ? endpoints : [{ name: controllerListenerName, host: 'localhost', port: 0 }], kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 0 } }];
}

function bootstrapServers(config: BrokerConfig, voters: readonly Voter[]): RaftNode[] {
  const { bootstrapServers: servers } = config.roles;
  if (servers.length > 0) return servers.map(({ host, port }, i) => ({ id: -2 - i, host, port }));
  return voters.flatMap(({ voterId, endpoints }) => endpoints.slice(0, 1).map(({ host, port }) => ({ id: voterId, host, port })));
}

function endpointOf(change: RoleChange, listenerName: string): Endpoint | undefined {
  const found = change.leaderEndpoints.find((it) => it.name === listenerName) ?? change.leaderEndpoints[0];
  return found === undefined ? undefined : { host: found.host, port: found.port };
}

function listenerOf(follower: ImageFollower, controller: ControllerDriver | undefined, snapshots: () => MetadataSnapshots | undefined): MetadataListener {
  return {
    async loadSnapshot(content, id) {
      controller?.loaded(content.records, id.endOffset);
      await follower.load(content.records, id.endOffset);
      controller?.followed(id.endOffset);
      snapshots()?.loaded();
    },
    async commit(batch) {
      controller?.committed(batch);
      const following = follower.follow(batch.records, batch.nextOffset);
      snapshots()?.followed(batch);
      await following;
      controller?.followed(batch.nextOffset);
    },
  };
}

