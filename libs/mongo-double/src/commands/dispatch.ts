import { BsonType, longValue, textOf, timestampValue, toRaw, type Plain, type RawDocument } from '../bson/raw-value.js';
import { ServerError } from '../server-error.js';
import type { Store } from '../store/store.js';
import type { Faults } from '../faults.js';
import { appendOplogNote, collMod, create, createIndexes, drop, dropDatabase, listCollections, listDatabases, renameCollection, replSetInitiate } from './admin.js';
import type { Answer, Command } from './command.js';
import type { Cursors } from './cursors.js';
import { buildInfo, hello, type Member } from './handshake.js';
import { aggregate, count, find, getMore, killCursors } from './reads.js';
import { ScramConversation } from './scram.js';
import type { Sessions } from './sessions.js';
import { deleteDocuments, findAndModify, insert, update } from './writes.js';

const COMMANDS: Readonly<Record<string, Command>> = {
  insert,
  update,
  delete: deleteDocuments,
  findAndModify,
  findandmodify: findAndModify,
  find,
  count,
  aggregate,
  getMore,
  killCursors,
  listDatabases,
  listCollections,
  create,
  collMod,
  drop,
  renameCollection,
  dropDatabase,
  createIndexes,
  appendOplogNote,
  replSetInitiate,
  ping: () => ({}),
  buildInfo,
  buildinfo: buildInfo,
  whatsmyuri: () => ({ you: '127.0.0.1:0' }),
};
const WRITES = new Set(['insert', 'update', 'delete', 'findAndModify', 'findandmodify']);
const BEFORE_LOGIN = new Set(['hello', 'isMaster', 'ismaster', 'saslStart', 'saslContinue', 'ping', 'buildInfo', 'buildinfo', 'endSessions']);

/** What all connections of a server share. */
export interface Server {
  readonly store: Store;
  readonly cursors: Cursors;
  readonly sessions: Sessions;
  readonly faults: Faults;
  readonly member: Member;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
  readonly eventBytesMax: () => number;
}

/** What one connection knows. */
export interface Login {
  conversation: ScramConversation | undefined;
  isLoggedIn: boolean;
}

/** Runs one command; failures become answers with `ok: 0`. */
export async function runCommand(server: Server, login: Login, database: string, command: RawDocument, signal: AbortSignal): Promise<Buffer> {
  try {
    const answer = await answerOf(server, login, database, command, signal);
    return finish(server, { ...answer, ok: doubleOne() });
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return failure(server, error);
  }
}

export function failure(server: Server, error: ServerError): Buffer {
  const labels = error.labels.length > 0 ? [...error.labels] : undefined;
  return finish(server, { ok: zero(), errmsg: error.message, code: error.code, codeName: error.codeName, errorLabels: labels });
}

async function answerOf(server: Server, login: Login, database: string, command: RawDocument, signal: AbortSignal): Promise<Answer> {
  const name = command.keys().next().value ?? '';
  if (server.credentials && !login.isLoggedIn && !BEFORE_LOGIN.has(name)) throw new ServerError(13, 'Unauthorized', `Command ${name} requires authentication`);
  switch (name) {
    case 'hello':
    case 'isMaster':
    case 'ismaster':
      return hello(server.member, command);
    case 'saslStart':
    case 'saslContinue':
      return logIn(server, login, command, name === 'saslStart');
    case 'endSessions':
      return server.sessions.end(command);
    case 'commitTransaction':
      return server.sessions.commit(command);
    case 'abortTransaction':
      return server.sessions.abort(command);
    case 'configureFailPoint':
      server.faults.configure(command);
      return {};
    case 'forgetOplog':
      server.store.forgetLog();
      return {};
    default:
  }
  const run = COMMANDS[name];
  if (!run) throw new ServerError(59, 'CommandNotFound', `no such command: '${name}'`);
  const earlier = WRITES.has(name) ? server.sessions.earlierAnswer(command) : undefined;
  if (earlier) return earlier;
  const workspace = server.sessions.workspace(command);
  const { store, cursors, eventBytesMax } = server;
  const answer = await run({ store, workspace, cursors, database, command, signal, eventBytesMax });
  if (WRITES.has(name)) server.sessions.remember(command, answer);
  return answer;
}

function logIn(server: Server, login: Login, command: RawDocument, isFirst: boolean): Answer {
  const { credentials } = server;
  const mechanism = textOf(command.get('mechanism'));
  if (!credentials) throw new ServerError(18, 'AuthenticationFailed', 'Authentication failed.');
  if (isFirst && mechanism !== 'SCRAM-SHA-256') throw new ServerError(334, 'MechanismUnavailable', `Received authentication for mechanism ${mechanism} which is not enabled`);
  const payload = command.get('payload')?.bytes.toString('utf8', 5) ?? '';
  if (isFirst) login.conversation = new ScramConversation(credentials);
  const { conversation } = login;
  if (!conversation) throw new ServerError(18, 'AuthenticationFailed', 'Authentication failed.');
  const reply = isFirst ? conversation.first(payload) : conversation.isDone ? '' : conversation.last(payload);
  login.isLoggedIn = conversation.isDone;
  // A client that did not ask to skip it sends one more empty message.
  return { conversationId: 1, done: conversation.isDone, payload: Buffer.from(reply) };
}

function doubleOne(): Plain {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(1);
  return { type: BsonType.double, bytes };
}

function zero(): Plain {
  return { type: BsonType.double, bytes: Buffer.alloc(8) };
}

function finish(server: Server, answer: Answer): Buffer {
  const { seconds, increment } = server.store.now;
  const time = timestampValue(seconds, increment);
  const signature = { hash: Buffer.alloc(20), keyId: longValue(0n) };
  return Buffer.from(toRaw({ ...answer, $clusterTime: { clusterTime: time, signature }, operationTime: time }).bytes);
}

/** The name by which a fault knows a command. */
export function commandName(command: RawDocument): string {
  return command.keys().next().value ?? '';
}
