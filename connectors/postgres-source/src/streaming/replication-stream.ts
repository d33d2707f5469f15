import { ConnectionLost } from '../connection/connection-lost.js';
import { RawStream } from '../connection/raw-stream.js';
import { connectForReplication } from '../connection/connect.js';
import type { SourceSettings } from '../config/source-settings.js';
import { quoteName, quoteText } from '../connection/sql-session.js';
import { formatLsn, readUint64, writeUint64, type Lsn } from '../wire/lsn.js';
import { Backend, queryMessage, readServerError } from '../wire/messages.js';

const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
const XLOG_HEADER = 25;
const POSTGRES_EPOCH_MILLIS = 946_684_800_000;
const START_TIMEOUT_MS = 60_000;
/** The server has said nothing for so many status intervals, although it was asked: the connection counts as lost. */
const SILENT_INTERVALS = 6;
const SILENCE_MIN_MS = 30_000;
/**
 * A server that shuts down waits until every receiver has confirmed its last record, and asks again as soon as it is answered; nothing else
 * asks so often. What cannot be confirmed so quickly is taken up again after the restart: the server is let go.
 */
const SHUTDOWN_QUESTIONS = 50;
const SHUTDOWN_PATIENCE_MS = 1_000;
/** A longer time between two questions is that of a quiet stream. */
const SHUTDOWN_PAUSE_MS = 500;

export interface StreamStart {
  readonly settings: SourceSettings;
  readonly lsn: Lsn;
  readonly serverVersion: number;
  readonly walSenderTimeoutMs: number;
  /** What may already be told to be durable. */
  readonly durable: Lsn;
  readonly signal: AbortSignal;
}

/**
 * The stream of a replication slot. `next()` steps through the changes; keep-alives are answered inside, and a timer tells the server the
 * position, so that it never gives the connection up while records wait to be stored.
 */
export class ReplicationStream {
  /** The payload of the current change: a pgoutput message. */
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  lsn: Lsn = 0;
  /** Everything before has been sent or concerns us not. */
  serverLsn: Lsn = 0;

  private received: Lsn;
  private durable: Lsn;
  /** Questions in a row without a change in between. */
  private questions = 0;
  private firstQuestionAt = 0;
  private lastQuestionAt = 0;
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly raw: RawStream,
    start: StreamStart,
    private readonly intervalMs: number,
  ) {
    this.received = start.lsn;
    this.durable = start.durable;
    this.timer = setInterval(() => this.beat(), intervalMs);
  }

  /** Throws what the server says against it. */
  static async start(start: StreamStart): Promise<ReplicationStream> {
    const { settings, signal } = start;
    const session = await connectForReplication(settings);
    const raw = new RawStream(session, { moderates: true });
    try {
      raw.write(queryMessage(startCommand(start)));
      await awaitCopyBoth(raw, signal);
    } catch (error) {
      raw.destroy();
      throw error;
    }
    const limits = [settings.values['status.update.interval.ms'], ...(start.walSenderTimeoutMs > 0 ? [start.walSenderTimeoutMs / 3] : [])];
    return new ReplicationStream(raw, start, Math.max(100, Math.min(...limits)));
  }

  /** False: nothing more has come yet. Throws when the stream has ended. */
  next(): boolean {
    const { frames } = this.raw;
    while (this.raw.next()) {
      if (frames.type === Backend.copyData) {
        const { bytes, start } = frames;
        if (bytes[start] === XLOG_DATA) {
          this.bytes = bytes;
          this.at = start + XLOG_HEADER;
          this.lsn = readUint64(bytes, start + 1);
          if (this.lsn > this.received) this.received = this.lsn;
          this.questions = 0;
          return true;
        }
        if (bytes[start] === KEEPALIVE) this.keepAlive(bytes, start);
      } else if (frames.type === Backend.error) {
        throw readServerError(frames.bytes, frames.start, frames.end);
      } else if (frames.type === Backend.copyDone) {
        throw new ConnectionLost('the server closed the connection: it ended the stream');
      }
    }
    return false;
  }

  /** The end of the server's log when it sent the last message. */
  get serverEndLsn(): Lsn {
    return this.at === 0 ? this.serverLsn : Math.max(this.serverLsn, readUint64(this.bytes, this.at - XLOG_HEADER + 9));
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.raw.wait(timeoutMs, signal);
  }

  /** Asks the server how far it has come. */
  ask(): void {
    this.sendStatus(true);
  }

  /** The server may forget its log up to here. */
  confirm(lsn: Lsn): void {
    if (lsn <= this.durable) return;
    this.durable = lsn;
    this.sendStatus(false);
  }

  get confirmedLsn(): Lsn {
    return this.durable;
  }

  close(): void {
    clearInterval(this.timer);
    this.raw.destroy();
  }

  private keepAlive(bytes: Buffer, start: number): void {
    this.serverLsn = readUint64(bytes, start + 1);
    if (this.serverLsn > this.received) this.received = this.serverLsn;
    if (bytes[start + 17] !== 1) return;
    this.sendStatus(false);
    const nowMs = Date.now();
    if (this.questions === 0 || nowMs - this.lastQuestionAt > SHUTDOWN_PAUSE_MS) {
      this.questions = 0;
      this.firstQuestionAt = nowMs;
    }
    this.questions += 1;
    this.lastQuestionAt = nowMs;
    if (this.questions >= SHUTDOWN_QUESTIONS && nowMs - this.firstQuestionAt > SHUTDOWN_PATIENCE_MS) throw new ConnectionLost('the server closed the connection: it is shutting down');
  }

  private beat(): void {
    const silentMs = this.raw.isFull ? 0 : Date.now() - this.raw.lastReceivedAt;
    if (silentMs > Math.max(SILENCE_MIN_MS, this.intervalMs * SILENT_INTERVALS)) this.raw.destroy();
    else this.sendStatus(silentMs > this.intervalMs);
  }

  private sendStatus(wantsReply: boolean): void {
    const message = Buffer.alloc(39);
    message[0] = Backend.copyData;
    message.writeUInt32BE(38, 1);
    message[5] = 0x72;
    writeUint64(message, 6, this.received);
    writeUint64(message, 14, this.durable);
    writeUint64(message, 22, this.durable);
    writeUint64(message, 30, (Date.now() - POSTGRES_EPOCH_MILLIS) * 1000);
    message[38] = wantsReply ? 1 : 0;
    this.raw.write(message);
  }
}

function startCommand(start: StreamStart): string {
  const { settings, lsn, serverVersion } = start;
  const { values } = settings;
  const options = [`proto_version '1'`, `publication_names ${quoteText(quoteName(values['publication.name']))}`, ...(serverVersion >= 140_000 ? [`messages 'true'`] : []), ...streamParameters(values['slot.stream.params'])];
  return `START_REPLICATION SLOT ${quoteName(values['slot.name'])} LOGICAL ${formatLsn(lsn)} (${options.join(', ')})`;
}

function streamParameters(text: string | null): string[] {
  return (text ?? '')
    .split(';')
    .filter((it) => it.includes('='))
    .map((it) => {
      const at = it.indexOf('=');
      return `${quoteName(it.slice(0, at).trim())} ${quoteText(it.slice(at + 1).trim())}`;
    });
}

async function awaitCopyBoth(raw: RawStream, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && !signal.aborted) {
    while (raw.next()) {
      const { type, bytes, start, end } = raw.frames;
      if (type === Backend.copyBoth) return;
      if (type === Backend.error) throw readServerError(bytes, start, end);
    }
    await raw.wait(500, signal);
  }
  throw new ConnectionLost('timeout expired: the server did not start to stream');
}
