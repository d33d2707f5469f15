import type { Connection, Endpoint } from '@millrace/foundation';
import { DEFAULT_SERVER_LIMITS } from './protocol-server.js';
import { ANONYMOUS } from './request-context.js';
import { ServerConnection, type FrameOutcome } from './server-connection.js';

const NOWHERE: Endpoint = { host: 'nowhere', port: 1 };
const WRITE_TIMEOUT_MS = 1000;
const IDLE_MS_MAX = 10_000;

/** The end of a stream whose other end takes nothing: what is written stays queued, and an orderly end waits for it. */
class UnreadConnection implements Connection {
  readonly remote = NOWHERE;
  readonly local = NOWHERE;
  isDestroyed = false;
  ends = 0;
  written = 0;
  onData: (chunk: Uint8Array) => void = () => undefined;
  onDrain: () => void = () => undefined;
  onClose: (error: Error | undefined) => void = () => undefined;

  constructor(private readonly isBelowHighWater: boolean) {}

  write(): boolean {
    this.written += 1;
    return this.isBelowHighWater;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ends += 1;
  }
  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.onClose(undefined);
  }
}

function served(isBelowHighWater: boolean, answer: () => FrameOutcome | Promise<FrameOutcome> = () => ({ kind: 'respond', bytes: { parts: [new Uint8Array(8)] } })) {
  const connection = new UnreadConnection(isBelowHighWater);
  const at = { nowMs: 0 };
  const reasons: string[] = [];
  let closed = 0;
  const it = new ServerConnection({
    connection,
    context: { connectionId: 'c', listenerName: 'PLAINTEXT', remote: NOWHERE, local: NOWHERE, principal: ANONYMOUS, clientSoftware: undefined },
    limits: { ...DEFAULT_SERVER_LIMITS, writeTimeoutMs: WRITE_TIMEOUT_MS },
    nowMs: () => at.nowMs,
    isPipelined: () => false,
    handleFrame: answer,
    onRefused: (reason) => reasons.push(reason),
    onClosed: () => (closed += 1),
  });
  const expire = (nowMs: number): void => {
    at.nowMs = nowMs;
    it.expire(nowMs, IDLE_MS_MAX);
  };
  return { it, connection, expire, reasons, closedCount: () => closed };
}

const REQUEST = Uint8Array.of(0, 0, 0, 2, 0, 3);
const BAD_LENGTH = Uint8Array.of(0x7f, 0, 0, 0);

describe('a connection whose peer reads nothing', () => {
  it.each([
    ['below the high water', true],
    ['above the high water', false],
  ])('is known until it is gone when it was refused with answers queued %s, and is cut after the time to write', (_name, isBelowHighWater) => {
    const { connection, expire, closedCount, reasons } = served(isBelowHighWater);
    connection.onData(REQUEST);
    connection.onData(BAD_LENGTH);
    expect(reasons).toHaveLength(1);
    expect(closedCount()).toBe(0);
    expire(WRITE_TIMEOUT_MS);
    expect(connection.isDestroyed).toBe(false);
    expire(WRITE_TIMEOUT_MS + 1);
    expect(connection.isDestroyed).toBe(true);
    expect(closedCount()).toBe(1);
    expect(reasons).toHaveLength(1);
  });

  it('is cut too when it was only idle', () => {
    const { connection, expire, closedCount } = served(true);
    connection.onData(REQUEST);
    expire(IDLE_MS_MAX + 1);
    expect(connection.isDestroyed).toBe(false);
    expire(IDLE_MS_MAX + 1 + WRITE_TIMEOUT_MS + 1);
    expect(connection.isDestroyed).toBe(true);
    expect(connection.ends).toBe(1);
    expect(closedCount()).toBe(1);
  });

  it('is asked for nothing more, and told nothing more, once it was refused', async () => {
    let answer: (outcome: FrameOutcome) => void = () => undefined;
    let handled = 0;
    let released = 0;
    const { connection } = served(true, () => {
      handled += 1;
      return new Promise((resolve) => (answer = resolve));
    });
    connection.onData(REQUEST);
    connection.onData(BAD_LENGTH);
    connection.onData(REQUEST);
    answer({ kind: 'respond', bytes: { parts: [new Uint8Array(8)], onSent: () => (released += 1) } });
    await Promise.resolve();
    expect({ handled, written: connection.written, released }).toEqual({ handled: 1, written: 0, released: 1 });
  });

  it('can be destroyed by whoever counts it, also after it was refused', () => {
    const { it: refused, connection, closedCount } = served(false);
    connection.onData(REQUEST);
    connection.onData(BAD_LENGTH);
    refused.endWhenAnswered();
    expect(closedCount()).toBe(0);
    refused.destroy();
    expect(closedCount()).toBe(1);
  });
});
