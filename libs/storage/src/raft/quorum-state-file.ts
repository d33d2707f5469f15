import { isUuid, OperationalError, ZERO_UUID, type BrokerId, type LeaderEpoch, type Uuid } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import { readTextFile, replaceFileDurably } from '../fs/whole-file.js';

const QUORUM_STATE_FILE = 'quorum-state';

/** What a voter must not forget: whom it follows or has voted for, in which epoch. */
export interface QuorumState {
  readonly leaderEpoch: LeaderEpoch;
  /** -1 for none. */
  readonly leaderId: BrokerId;
  /** -1 for none. */
  readonly votedId: BrokerId;
  /** Of the voter that was voted for; the zero id with `kraft.version` 0. */
  readonly votedDirectoryId: Uuid;
}

/** What is written: version 0 of the file while the quorum is static (`kraft.version` 0), with the voters of the time and without a directory; else version 1. */
export interface QuorumStateToWrite extends QuorumState {
  readonly dataVersion?: 0 | 1;
  readonly currentVoters?: readonly { readonly voterId: BrokerId }[];
}

/** `quorum-state` in the folder of `__cluster_metadata-0`: JSON, data version 1 (dynamic quorums) or 0. */
export class QuorumStateFile {
  private readonly path: string;

  constructor(private readonly fileSystem: FileSystem, folder: string) {
    this.path = `${folder}/${QUORUM_STATE_FILE}`;
  }

  /** Undefined when there is none yet. Throws `INVALID_QUORUM_STATE`: a vote that cannot be read must not be forgotten. */
  read(): QuorumState | undefined {
    const text = readTextFile(this.fileSystem, this.path);
    return text === undefined ? undefined : decodeQuorumState(text, this.path);
  }

  /** Durable when it resolves: a vote is answered only then. */
  async write(state: QuorumStateToWrite): Promise<void> {
    await replaceFileDurably(this.fileSystem, this.path, Buffer.from(encodeQuorumState(state)));
  }
}

function encodeQuorumState(state: QuorumStateToWrite): string {
  const { leaderId, leaderEpoch, votedId, votedDirectoryId } = state;
  if (state.dataVersion === 0) {
    const currentVoters = (state.currentVoters ?? []).map(({ voterId }) => ({ voterId }));
    return JSON.stringify({ clusterId: '', leaderId, leaderEpoch, votedId, appliedOffset: 0, currentVoters, data_version: 0 });
  }
  return JSON.stringify({ leaderId, leaderEpoch, votedId, votedDirectoryId, data_version: 1 });
}

function decodeQuorumState(text: string, path: string): QuorumState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OperationalError('INVALID_QUORUM_STATE', `${path} is not JSON`, { cause: error });
  }
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const number = (name: string): number => {
    const field = fields[name];
    if (typeof field !== 'number' || !Number.isInteger(field)) throw new OperationalError('INVALID_QUORUM_STATE', `${path} has no whole number "${name}"`);
    return field;
  };
  const version = number('data_version');
  if (version !== 0 && version !== 1) throw new OperationalError('INVALID_QUORUM_STATE', `${path} has data_version ${version}`);
  const id = fields['votedDirectoryId'];
  return { leaderEpoch: number('leaderEpoch'), leaderId: number('leaderId'), votedId: number('votedId'), votedDirectoryId: typeof id === 'string' && isUuid(id) ? id : ZERO_UUID };
}
