import { OperationalError, randomUuid, type BrokerId, type Uuid } from '@millrace/foundation';
import { METADATA_VERSION_FEATURE, metadataVersionOf, NEW_CLUSTER_LEVELS, SUPPORTED_FEATURES } from '@millrace/metadata';
import type { Voter } from '@millrace/raft';
import { decodeMetaProperties, encodeMetaProperties, META_PROPERTIES_FILE, readTextFile, replaceFileDurably, snapshotFileName } from '@millrace/storage';
import { BrokerConfig } from '../config/broker-config.js';
import { advertisedEndpoints } from '../config/listeners.js';
import { CLUSTER_METADATA } from '../internal-topics.js';
import { KRAFT_VERSIONS } from '../kraft-versions.js';
import { writeBootstrapFile } from '../quorum/bootstrap-file.js';
import { snapshotBatches } from '../quorum/snapshot-content.js';
import { parseInitialControllers } from './initial-controllers.js';
import { nodePorts, type NodePorts } from './node-ports.js';

export interface FormatOptions {
  /** As for `Broker`. */
  readonly properties: Readonly<Record<string, string>>;
  readonly clusterId: string;
  /**
   * Who votes first where `controller.quorum.voters` does not say: this node alone, the controllers of `id@host:port:directory-id,...`, or those of a cluster that is there already (this
   * node joins it). Left out for a node whose properties name the voters, for a broker, and for one that is its own quorum for good.
   */
  readonly voters?: 'standalone' | 'none' | { readonly initialControllers: string };
  /** A release of Kafka whose features the cluster begins with, as `4.1`. */
  readonly release?: string;
  /** Levels of single features. */
  readonly features?: Readonly<Record<string, number>>;
  /** Directories that were formatted already are left as they are, instead of refusing all. */
  readonly ignoreFormatted?: boolean;
  readonly ports?: Partial<Omit<NodePorts, 'areOfMachine'>>;
}

export interface FormattedFolder {
  readonly folder: string;
  readonly wasFormatted: boolean;
}

/**
 * Makes the log directories of a node ready for its first start, with the files that Kafka's kafka-storage writes. Rejects with `INVALID_CONFIG` for properties and options that do not go
 * together, and with `ALREADY_FORMATTED`, before anything is written; with the codes of the file system when it cannot be written.
 */
export async function formatNode(options: FormatOptions): Promise<FormattedFolder[]> {
  const config = new BrokerConfig(options.properties);
  const ports = nodePorts(options.ports ?? {});
  const { fileSystem, codecs, random, clock } = ports;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(options.clusterId)) throw invalid(`${options.clusterId} is no id of a cluster`);
  const { levels, kRaftVersion } = levelsOf(options, config);
  const metadataFolder = config.get('metadata.log.dir') ?? config.logDirs[0];
  const folders = [...new Set([...config.logDirs, ...(metadataFolder === undefined ? [] : [metadataFolder])])];
  const found = folders.map((folder) => ({ folder, wasFormatted: isFormatted(folder, options.clusterId, config.nodeId, ports) }));
  const formatted = found.find((it) => it.wasFormatted);
  if (formatted !== undefined && options.ignoreFormatted !== true) throw new OperationalError('ALREADY_FORMATTED', `Log directory ${formatted.folder} is already formatted. Use --ignore-formatted to ignore this directory and format the others.`);
  const metadataDirectoryId = randomUuid(random);
  const voters = firstVoters(options, config, metadataDirectoryId);
  const own = voters?.find((it) => it.voterId === config.nodeId);
  for (const { folder, wasFormatted } of found) {
    if (wasFormatted) continue;
    fileSystem.makeFolder(folder);
    const isMetadata = folder === metadataFolder;
    const directoryId = isMetadata ? (own?.voterDirectoryId ?? metadataDirectoryId) : randomUuid(random);
    await writeBootstrapFile(folder, levels, { fileSystem, codecs, nowMs: 0 });
    if (isMetadata && voters !== undefined && own !== undefined) {
      const logFolder = `${folder}/${CLUSTER_METADATA}-0`;
      fileSystem.makeFolder(logFolder);
      const batches = snapshotBatches({ records: [], kRaftVersion, voters }, { codecs, leaderEpoch: 0, lastContainedLogTimestamp: clock.nowMs() });
      await replaceFileDurably(fileSystem, `${logFolder}/${snapshotFileName({ endOffset: 0, epoch: 0 })}`, Buffer.concat([...batches]));
    }
    // Last: with it the directory is formatted.
    await replaceFileDurably(fileSystem, `${folder}/${META_PROPERTIES_FILE}`, Buffer.from(encodeMetaProperties({ clusterId: options.clusterId, nodeId: config.nodeId, directoryId })));
  }
  return found;
}

function isFormatted(folder: string, clusterId: string, nodeId: BrokerId, { fileSystem }: NodePorts): boolean {
  const path = `${folder}/${META_PROPERTIES_FILE}`;
  const text = readTextFile(fileSystem, path);
  if (text === undefined) return false;
  const meta = decodeMetaProperties(text, path);
  if (meta.clusterId !== clusterId) throw invalid(`${path} belongs to cluster ${meta.clusterId}, not to ${clusterId}`);
  if (meta.nodeId !== nodeId) throw invalid(`${path} belongs to node ${meta.nodeId}, this is node ${nodeId}`);
  return true;
}

/** Undefined: they do not stand in the log. */
function firstVoters({ voters }: FormatOptions, config: BrokerConfig, directoryId: Uuid): Voter[] | undefined {
  if (voters === undefined || voters === 'none') return undefined;
  const { controllerListenerName, controllerListeners } = config.roles;
  const voterOf = (voterId: BrokerId, voterDirectoryId: Uuid, host: string, port: number): Voter => {
    const { minSupportedVersion, maxSupportedVersion } = KRAFT_VERSIONS;
    return { voterId, voterDirectoryId, endpoints: [{ name: controllerListenerName, host, port }], kRaftVersionFeature: { minSupportedVersion, maxSupportedVersion } };
  };
  if (voters !== 'standalone') return parseInitialControllers(voters.initialControllers).map((it) => voterOf(it.id, it.directoryId, it.host, it.port));
  const endpoint = advertisedEndpoints(config, controllerListeners).find((it) => it.name === controllerListenerName);
  if (endpoint === undefined || endpoint.port === 0) throw invalid('a standalone controller needs a listener with a port that is known');
  return [voterOf(config.nodeId, directoryId, endpoint.host, endpoint.port)];
}

function levelsOf({ release, features = {}, voters }: FormatOptions, config: BrokerConfig): { readonly levels: ReadonlyMap<string, number>; readonly kRaftVersion: number } {
  const { roles } = config;
  if (voters !== undefined && roles.voters.length > 0) throw invalid('controller.quorum.voters is set, so the quorum is static: neither --standalone, --initial-controllers nor --no-initial-controllers may be given');
  if (voters === 'standalone' && !roles.isController) throw invalid('You can only use --standalone on a controller.');
  if (voters === undefined && roles.isController && roles.voters.length === 0 && !roles.isSole) {
    throw invalid('Because controller.quorum.voters is not set on this controller, you must specify one of the following: --standalone, --initial-controllers, or --no-initial-controllers.');
  }
  const isDynamic = voters !== undefined;
  const levels = new Map(NEW_CLUSTER_LEVELS);
  if (release !== undefined) {
    const level = metadataVersionOf(release);
    if (level === undefined) throw invalid(`the release ${release} is not supported: 4.0 to 4.3 are`);
    levels.set(METADATA_VERSION_FEATURE, level);
  }
  let kRaftVersion = isDynamic ? 1 : 0;
  for (const [name, level] of Object.entries(features)) {
    const range = [...SUPPORTED_FEATURES, KRAFT_VERSIONS].find((it) => it.name === name);
    if (range === undefined) throw invalid(`Unsupported feature: ${name}. Supported features are: ${[...SUPPORTED_FEATURES.map((it) => it.name), KRAFT_VERSIONS.name].join(', ')}`);
    if (!(level >= range.minSupportedVersion && level <= range.maxSupportedVersion)) throw invalid(`${name} is supported from ${range.minSupportedVersion} to ${range.maxSupportedVersion}, not ${level}`);
    if (name === METADATA_VERSION_FEATURE && release !== undefined) throw invalid('Use --release-version or --feature metadata.version, not both');
    if (name === KRAFT_VERSIONS.name) kRaftVersion = level;
    else levels.set(name, level);
  }
  if (kRaftVersion === 0 && isDynamic) throw invalid('Cannot set kraft.version to 0 if one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used.');
  if (kRaftVersion > 0 && !isDynamic) throw invalid('Cannot set kraft.version to 1 unless one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used.');
  return { levels, kRaftVersion };
}

function invalid(why: string): OperationalError {
  return new OperationalError('INVALID_CONFIG', why);
}
