import { ByteReader, ByteWriter, MalformedBytes } from '@millrace/foundation';
import type { ConnectorTaskId } from '../rest/shapes.js';

/** The group protocols of Connect workers by preference, with the version that their bytes carry. */
export const CONNECT_PROTOCOLS = [
  { name: 'sessioned', version: 2 },
  { name: 'compatible', version: 1 },
  { name: 'default', version: 0 },
] as const;

/** The task number that stands for the connector itself. */
const CONNECTOR_ITSELF = -1;

/** Connectors and tasks, to run or to stop. */
export interface Work {
  readonly connectors: readonly string[];
  readonly tasks: readonly ConnectorTaskId[];
}

export const NO_WORK: Work = { connectors: [], tasks: [] };

/** What a worker says of itself when it joins. */
export interface WorkerMetadata {
  readonly url: string;
  /** One more than the last offset read of the config topic. */
  readonly configOffset: number;
  /** What it runs now; null in the eager protocol and for a worker that runs nothing yet. */
  readonly assignment: ConnectAssignment | null;
}

/** What the leader tells a worker. In versions 1 and 2 `assigned` is what comes on top of what it runs already. */
export interface ConnectAssignment {
  readonly version: number;
  /** 1: the configs of the members differ too much to assign anything. */
  readonly error: number;
  readonly leader: string;
  readonly leaderUrl: string;
  readonly configOffset: number;
  readonly assigned: Work;
  readonly revoked: Work;
  /** A rebalance is to be asked for after this time; 0 for none. */
  readonly delayMs: number;
}

export const CONFIG_MISMATCH = 1;

export function encodeMetadata(version: number, metadata: WorkerMetadata): Uint8Array {
  const writer = new ByteWriter();
  writer.int16(version);
  writeString(writer, metadata.url);
  writer.int64(metadata.configOffset);
  if (version >= 1) {
    if (metadata.assignment === null) writer.int32(-1);
    else {
      const bytes = encodeAssignment({ ...metadata.assignment, version });
      writer.int32(bytes.length);
      writer.bytes(bytes);
    }
  }
  return writer.take();
}

export function decodeMetadata(bytes: Uint8Array): WorkerMetadata {
  const reader = new ByteReader(bytes);
  checkVersion(reader.int16());
  const url = readString(reader);
  const configOffset = reader.int64();
  const size = reader.remaining >= 4 ? reader.int32() : -1;
  return { url, configOffset, assignment: size < 0 ? null : decodeAssignment(reader.bytes(size)) };
}

export function encodeAssignment(assignment: ConnectAssignment): Uint8Array {
  const writer = new ByteWriter();
  writer.int16(assignment.version);
  writer.int16(assignment.error);
  writeString(writer, assignment.leader);
  writeString(writer, assignment.leaderUrl);
  writer.int64(assignment.configOffset);
  writeWork(writer, assignment.assigned);
  if (assignment.version >= 1) {
    if (isEmpty(assignment.revoked)) writer.int32(-1);
    else writeWork(writer, assignment.revoked);
    writer.int32(assignment.delayMs);
  }
  return writer.take();
}

export function decodeAssignment(bytes: Uint8Array): ConnectAssignment {
  const reader = new ByteReader(bytes);
  const version = checkVersion(reader.int16());
  return {
    version,
    error: reader.int16(),
    leader: readString(reader),
    leaderUrl: readString(reader),
    configOffset: reader.int64(),
    assigned: readWork(reader),
    revoked: readWork(reader),
    delayMs: reader.remaining >= 4 ? reader.int32() : 0,
  };
}

export function isEmpty(work: Work): boolean {
  return work.connectors.length === 0 && work.tasks.length === 0;
}

function writeWork(writer: ByteWriter, work: Work): void {
  const tasks = new Map<string, number[]>();
  for (const connector of work.connectors) tasks.set(connector, [CONNECTOR_ITSELF]);
  for (const { connector, task } of work.tasks) {
    const numbers = tasks.get(connector);
    if (numbers) numbers.push(task);
    else tasks.set(connector, [task]);
  }
  writer.int32(tasks.size);
  for (const [connector, numbers] of tasks) {
    writeString(writer, connector);
    writer.int32(numbers.length);
    for (const number of numbers) writer.int32(number);
  }
}

function readWork(reader: ByteReader): Work {
  const count = reader.remaining >= 4 ? reader.int32() : -1;
  if (count <= 0) return NO_WORK;
  reader.expectItems(count, 6);
  const connectors: string[] = [];
  const tasks: ConnectorTaskId[] = [];
  for (let i = 0; i < count; i++) {
    const connector = readString(reader);
    const numbers = reader.int32();
    reader.expectItems(numbers, 4);
    for (let j = 0; j < numbers; j++) {
      const task = reader.int32();
      if (task === CONNECTOR_ITSELF) connectors.push(connector);
      else tasks.push({ connector, task });
    }
  }
  return { connectors, tasks };
}

function writeString(writer: ByteWriter, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  writer.int16(bytes.length);
  writer.bytes(bytes);
}

function readString(reader: ByteReader): string {
  return reader.utf8(reader.int16());
}

function checkVersion(version: number): number {
  if (version < 0) throw new MalformedBytes(`unsupported version of the connect protocol: ${version}`);
  return version;
}
