import { ByteReader } from '@millrace/foundation';
import { decodeRequestHeader, decodeResponse, Produce, type Api } from '@millrace/protocol';
import type { SimulatedSocket, SocketTap } from '../network/simulated-socket.js';
import type { SimulatedProcess } from '../time/simulated-process.js';
import type { World } from '../world.js';

/** On which connection, by which life of which broker, a request is served. */
export interface Serving {
  readonly host: string;
  readonly process: SimulatedProcess;
  readonly connection: number;
}

/** Sees one API on its way. What it returns for a request sees the response; undefined: the response is of no interest, and not decoded. */
export interface ApiWatcher {
  readonly apiKey: number;
  readonly onRequest: (serving: Serving, reader: ByteReader, apiVersion: number) => ((frame: Uint8Array) => void) | undefined;
}

export function watching<Request, RequestInput, Response, ResponseInput>(
  api: Api<Request, RequestInput, Response, ResponseInput>,
  onRequest: (serving: Serving, request: Request) => ((response: Response) => void) | undefined,
): ApiWatcher {
  return {
    apiKey: api.apiKey,
    onRequest: (serving, reader, apiVersion) => {
      const onResponse = onRequest(serving, api.request.decode(reader, apiVersion));
      return onResponse === undefined ? undefined : (frame) => onResponse(decodeResponse(api, apiVersion, frame).body);
    },
  };
}

interface Awaited {
  readonly apiKey: number;
  readonly correlationId: number;
  readonly onResponse: ((frame: Uint8Array) => void) | undefined;
}

/** Listens to what brokers are asked and answer. Invariant 27: the answers of a connection are in the order of its requests. */
export class WireTap {
  private readonly watchers = new Map<number, ApiWatcher>();
  private connections = 0;

  constructor(private readonly world: World) {
    world.network.tapOf = (server) => this.listenTo(server);
  }

  watch(watcher: ApiWatcher): void {
    this.watchers.set(watcher.apiKey, watcher);
  }

  private listenTo(server: SimulatedSocket): SocketTap {
    const serving: Serving = { host: server.local.host, process: server.process, connection: (this.connections += 1) };
    const awaited: Awaited[] = [];
    const requests = new Frames((frame) => this.requested(serving, awaited, frame));
    const responses = new Frames((frame) => this.answered(serving, awaited, frame));
    return { received: (bytes) => requests.push(bytes), written: (bytes) => responses.push(bytes) };
  }

  private requested(serving: Serving, awaited: Awaited[], frame: Uint8Array): void {
    const reader = new ByteReader(frame);
    const { apiKey, apiVersion, correlationId, isSupported } = decodeRequestHeader(reader);
    const watcher = this.watchers.get(apiKey);
    if (apiKey === Produce.apiKey && isSupported && Produce.request.decode(new ByteReader(frame, reader.position), apiVersion).acks === 0) return;
    awaited.push({ apiKey, correlationId, onResponse: watcher === undefined || !isSupported ? undefined : watcher.onRequest(serving, reader, apiVersion) });
  }

  private answered({ host, connection }: Serving, awaited: Awaited[], frame: Uint8Array): void {
    const correlationId = new ByteReader(frame).int32();
    const due = awaited.shift();
    if (due?.correlationId === correlationId) due.onResponse?.(frame);
    else this.world.breach(27, `${host}, connection ${connection}: request ${correlationId} is answered where ${due === undefined ? 'none' : `${due.correlationId} (API ${due.apiKey})`} is due`);
  }
}

/** Frames out of a stream of bytes. */
class Frames {
  private rest: Buffer = Buffer.alloc(0);

  constructor(private readonly onFrame: (frame: Uint8Array) => void) {}

  push(bytes: Uint8Array): void {
    const lent = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const all = this.rest.length === 0 ? lent : Buffer.concat([this.rest, lent]);
    let at = 0;
    while (all.length - at >= 4) {
      const end = at + 4 + all.readInt32BE(at);
      if (end > all.length) break;
      this.onFrame(all.subarray(at + 4, end));
      at = end;
    }
    this.rest = at === all.length ? EMPTY : Buffer.from(all.subarray(at));
  }
}

const EMPTY = Buffer.alloc(0);
