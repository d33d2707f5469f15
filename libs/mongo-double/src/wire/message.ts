import { parseDocument, textOf, toRaw, type RawDocument, type RawValue } from '../bson/raw-value.js';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const CHECKSUM_PRESENT = 1;
const MORE_TO_COME = 2;
const HEADER_BYTES = 16;

/** A command as a client sent it. */
export interface Request {
  readonly requestId: number;
  readonly isLegacy: boolean;
  /** The client does not wait for an answer. */
  readonly isUnanswered: boolean;
  readonly database: string;
  /** The command's name is the first field; document sequences are fields of type array. */
  readonly command: RawDocument;
}

/** Reads OP_MSG (a checksum is passed over) and the OP_QUERY of old handshakes. */
export function readRequest(message: Buffer): Request {
  const requestId = message.readInt32LE(4);
  const opcode = message.readInt32LE(12);
  if (opcode === OP_MSG) return readMessage(message, requestId);
  if (opcode !== OP_QUERY) throw new Error(`unknown opcode ${opcode}`);
  const nameEnd = message.indexOf(0, 20);
  const outer = parseDocument(message, nameEnd + 1 + 8);
  const wrapped = outer.get('$query');
  return { requestId, isLegacy: true, isUnanswered: false, database: message.toString('utf8', 20, nameEnd).split('.')[0]!, command: wrapped ? parseDocument(wrapped.bytes) : outer };
}

function readMessage(message: Buffer, requestId: number): Request {
  const flags = message.readUInt32LE(HEADER_BYTES);
  const end = message.length - ((flags & CHECKSUM_PRESENT) === 0 ? 0 : 4);
  let command: RawDocument = new Map();
  const sequences: [string, RawValue][] = [];
  let at = HEADER_BYTES + 4;
  while (at < end) {
    const kind = message[at];
    at += 1;
    const size = message.readInt32LE(at);
    if (kind === 0) command = parseDocument(message, at);
    else sequences.push(readSequence(message, at, size));
    at += size;
  }
  for (const [name, documents] of sequences) command.set(name, documents);
  return { requestId, isLegacy: false, isUnanswered: (flags & MORE_TO_COME) !== 0, database: textOf(command.get('$db')) ?? 'admin', command };
}

function readSequence(message: Buffer, at: number, size: number): [string, RawValue] {
  const nameEnd = message.indexOf(0, at + 4);
  const documents: RawValue[] = [];
  for (let next = nameEnd + 1; next < at + size; next += message.readInt32LE(next)) {
    documents.push({ type: 3, bytes: message.subarray(next, next + message.readInt32LE(next)) });
  }
  return [message.toString('utf8', at + 4, nameEnd), toRaw(documents)];
}

export function writeReply(request: Request, requestId: number, document: Buffer): Buffer {
  const bodyBytes = request.isLegacy ? 20 : 5;
  const message = Buffer.alloc(HEADER_BYTES + bodyBytes + document.length);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(requestId, 4);
  message.writeInt32LE(request.requestId, 8);
  message.writeInt32LE(request.isLegacy ? OP_REPLY : OP_MSG, 12);
  if (request.isLegacy) message.writeInt32LE(1, HEADER_BYTES + 16);
  document.copy(message, HEADER_BYTES + bodyBytes);
  return message;
}
