import type { Connection, Endpoint } from '@millrace/foundation';
import type { SimulatedProcess } from '../time/simulated-process.js';
import type { Link } from './link.js';
import type { SimulatedNetwork } from './simulated-network.js';

/** What the sending machine keeps until it is acknowledged. */
const SEND_BUFFER_BYTES = 512 * 1024;
/** Queued in the process above this: `write` answers false. */
const HIGH_WATER_BYTES = 1024 * 1024;
/** What the receiving machine keeps for a process that does not read. */
const RECEIVE_BUFFER_BYTES = 512 * 1024;
const RECEIVE_CHUNK_BYTES = 64 * 1024;

/** One buffer for all reads, as in a real process: who keeps a lent chunk sees it overwritten. */
const lent = Buffer.alloc(RECEIVE_CHUNK_BYTES);

interface Pending {
  readonly chunk: Uint8Array;
  readonly onTaken: (() => void) | undefined;
}

/** What is under way: bytes, the orderly end behind them, or the reset that says that nobody is there. */
type Packet = { readonly kind: 'data'; readonly bytes: Uint8Array } | { readonly kind: 'end' } | { readonly kind: 'reset' };

/** One who listens at one end of a connection. Bytes are lent. */
export interface SocketTap {
  /** The process is about to be given these. */
  received(bytes: Uint8Array): void;
  /** The process writes these. */
  written(bytes: Uint8Array): void;
}

/** One end of a connection. Bytes arrive in order or not at all. */
export class SimulatedSocket implements Connection {
  onData: (chunk: Uint8Array) => void = () => undefined;
  onDrain: () => void = () => undefined;
  onClose: (error: Error | undefined) => void = () => undefined;
  tap: SocketTap | undefined;
  private peer: SimulatedSocket | undefined;
  private readonly pending: Pending[] = [];
  private pendingBytes = 0;
  private unacknowledgedBytes = 0;
  private readonly received: Uint8Array[] = [];
  private receivedBytes = 0;
  private closeAfterReceived: { error: Error | undefined } | undefined;
  private corks = 0;
  private isReadPaused = false;
  private isEnding = false;
  private isBelowWater = true;
  private closed = false;
  private isDropping = false;
  /** Packets to the peer keep their order, also through cuts of the link. */
  private lastArrivalMs = 0;
  private readonly stalled: Packet[] = [];
  private isStalled = false;

  private readonly link: Link;

  constructor(private readonly network: SimulatedNetwork, readonly process: SimulatedProcess, readonly local: Endpoint, readonly remote: Endpoint) {
    this.link = network.link(local.host, remote.host);
  }

  get isClosed(): boolean {
    return this.closed;
  }

  pairWith(peer: SimulatedSocket): void {
    this.peer = peer;
  }

  write(chunk: Uint8Array, onTaken?: () => void): boolean {
    if (this.closed || this.isEnding) {
      if (onTaken !== undefined) this.process.after(0, 'taken', onTaken);
      return true;
    }
    this.tap?.written(chunk);
    this.pending.push({ chunk, onTaken });
    this.pendingBytes += chunk.length;
    if (this.corks === 0) this.flush();
    if (this.pendingBytes >= HIGH_WATER_BYTES) this.isBelowWater = false;
    return this.isBelowWater;
  }

  cork(): void {
    this.corks += 1;
  }

  uncork(): void {
    this.corks = Math.max(0, this.corks - 1);
    if (this.corks === 0) this.flush();
  }

  pause(): void {
    this.isReadPaused = true;
  }

  resume(): void {
    this.isReadPaused = false;
    if (this.received.length > 0 || this.closeAfterReceived !== undefined) this.process.after(0, 'read', () => this.read());
  }

  end(): void {
    if (this.closed || this.isEnding) return;
    this.isEnding = true;
    this.corks = 0;
    this.flush();
    this.finishEnd();
  }

  destroy(): void {
    if (this.closed) return;
    this.send({ kind: 'end' });
    this.close(undefined);
  }

  /** Both ends are cut; of what is under way some may still arrive. */
  resetByNetwork(): void {
    const { peer, network } = this;
    const error = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    for (const end of [this, peer]) {
      if (end === undefined) continue;
      if (network.random.chance(0.5)) end.isDropping = true;
      network.loop.schedule(network.random.next() * 5, 'reset', () => end.hearOfEnd(error()));
    }
  }

  /** The process is gone. `isTold`: its system lives and tells the peer. */
  ownerDied(isTold: boolean): void {
    if (this.closed) return;
    this.closed = true;
    this.pending.length = 0;
    this.network.forget(this);
    if (this.network.random.chance(0.5)) this.isDropping = true;
    if (isTold) this.send({ kind: 'reset' });
  }

  private flush(): void {
    if (this.closed) return;
    let room = SEND_BUFFER_BYTES - this.unacknowledgedBytes;
    const taken: Pending[] = [];
    let bytes = 0;
    while (this.pending.length > 0 && (room > 0 || bytes === 0) && room > 0) {
      const next = this.pending.shift()!;
      taken.push(next);
      bytes += next.chunk.length;
      room -= next.chunk.length;
    }
    if (taken.length === 0) return;
    const packet = new Uint8Array(bytes);
    let at = 0;
    for (const { chunk, onTaken } of taken) {
      packet.set(chunk, at);
      at += chunk.length;
      if (onTaken !== undefined) this.process.after(0, 'taken', onTaken);
    }
    this.pendingBytes -= bytes;
    this.unacknowledgedBytes += bytes;
    this.sendData(packet);
  }

  /** A stream has no packets: now and then one write arrives in two pieces. */
  private sendData(bytes: Uint8Array): void {
    const { random } = this.network;
    if (bytes.length > 1 && random.chance(0.03)) {
      const cut = 1 + random.integer(bytes.length - 1);
      this.send({ kind: 'data', bytes: bytes.subarray(0, cut) });
      this.send({ kind: 'data', bytes: bytes.subarray(cut) });
    } else {
      this.send({ kind: 'data', bytes });
    }
  }

  private send(packet: Packet): void {
    const { link } = this;
    const { loop, random } = this.network;
    const size = packet.kind === 'data' ? packet.bytes.length + 60 : 60;
    const arrivalMs = Math.max(loop.nowMs + link.transitMs(loop.nowMs, size, random.next()), this.lastArrivalMs);
    this.lastArrivalMs = arrivalMs;
    if (packet.kind === 'data') loop.noteNumber(packet.bytes.length);
    loop.schedule(arrivalMs - loop.nowMs, packet.kind, () => this.arrive(packet));
  }

  private arrive(packet: Packet): void {
    const { link } = this;
    if (link.isCut || this.isStalled) {
      this.stalled.push(packet);
      if (this.isStalled) return;
      this.isStalled = true;
      link.whenHealed(() => this.retransmit());
      return;
    }
    this.handOver(packet);
  }

  private retransmit(): void {
    const { link } = this;
    if (link.isCut) {
      link.whenHealed(() => this.retransmit());
      return;
    }
    this.isStalled = false;
    for (const packet of this.stalled.splice(0)) this.handOver(packet);
  }

  private handOver(packet: Packet): void {
    const { peer, network } = this;
    if (peer === undefined || network.isPoweredOff(this.remote.host)) return;
    if (packet.kind !== 'data') {
      if (!peer.closed) peer.hearOfEnd(packet.kind === 'reset' ? Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }) : undefined);
      return;
    }
    if (this.isDropping) return;
    if (peer.closed) {
      // Nobody is there (any more): the machine says so, which is how a half open connection is found out.
      peer.send({ kind: 'reset' });
      return;
    }
    peer.receive(packet.bytes);
  }

  private receive(bytes: Uint8Array): void {
    this.received.push(bytes);
    this.receivedBytes += bytes.length;
    if (this.receivedBytes <= RECEIVE_BUFFER_BYTES) this.peer?.acknowledge(bytes.length);
    if (this.isReadPaused) return;
    this.network.loop.deliver(this.process, 'read', () => this.read());
  }

  private acknowledge(bytes: number): void {
    this.unacknowledgedBytes = Math.max(0, this.unacknowledgedBytes - bytes);
    if (this.closed || (this.pending.length === 0 && this.isBelowWater)) return;
    if (this.corks === 0) this.flush();
    if (this.isEnding) this.finishEnd();
    else if (!this.isBelowWater && this.pendingBytes === 0) {
      this.isBelowWater = true;
      this.process.after(0, 'drain', () => (this.closed ? undefined : this.onDrain()));
    }
  }

  private read(): void {
    while (this.received.length > 0 && !this.isReadPaused && !this.closed) {
      const bytes = this.received.shift()!;
      const wasAboveLimit = this.receivedBytes > RECEIVE_BUFFER_BYTES;
      this.receivedBytes -= bytes.length;
      if (wasAboveLimit) this.peer?.acknowledge(bytes.length);
      this.tap?.received(bytes);
      for (let at = 0; at < bytes.length && !this.closed; at += RECEIVE_CHUNK_BYTES) {
        const piece = bytes.subarray(at, at + RECEIVE_CHUNK_BYTES);
        lent.set(piece);
        this.onData(lent.subarray(0, piece.length));
        lent.fill(0xdb, 0, piece.length);
      }
    }
    if (this.received.length === 0 && this.closeAfterReceived !== undefined && !this.closed) this.close(this.closeAfterReceived.error);
  }

  private hearOfEnd(error: Error | undefined): void {
    if (this.closed || this.closeAfterReceived !== undefined) return;
    this.network.loop.deliver(this.process, 'end', () => {
      if (this.closed) return;
      if (error === undefined && this.received.length > 0) this.closeAfterReceived = { error };
      else this.close(error);
    });
  }

  private finishEnd(): void {
    if (this.pending.length > 0 || this.closed) return;
    this.send({ kind: 'end' });
    this.close(undefined);
  }

  private close(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.network.forget(this);
    for (const { onTaken } of this.pending.splice(0)) if (onTaken !== undefined) this.process.after(0, 'taken', onTaken);
    this.pendingBytes = 0;
    this.process.after(0, 'closed', () => this.onClose(error));
  }
}
