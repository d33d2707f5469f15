import type { Random } from '@millrace/foundation';
import { ErrorCode } from '@millrace/protocol';
import { decodeGroupRecord, encodeGroupRecord, GroupCoordinator, GROUP_CONFIG_DEFAULTS, type GroupCaller, type GroupConfig, type GroupEffects, type GroupReply } from '../src/index.js';

interface LoggedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly producerId: number;
}

/** Bytes that count up, so that member ids are the same in each run. */
class CountingRandom implements Random {
  private count = 0;
  bytes(length: number): Uint8Array {
    this.count++;
    const bytes = new Uint8Array(length);
    bytes[length - 1] = this.count & 0xff;
    bytes[length - 2] = this.count >> 8;
    return bytes;
  }
  integer(bound: number): number {
    return this.count++ % bound;
  }
}

/** A shard with its log in memory: what the broker's driver does, in virtual time. Records go through their bytes. */
export class GroupDriver {
  readonly log: (LoggedRecord | { readonly endTxn: { readonly producerId: number; readonly isCommit: boolean } })[] = [];
  nowMs = 1_000_000;
  shard: GroupCoordinator;
  /** The next append is refused with this error. */
  refuseNext: number = ErrorCode.NONE;
  /** False: what is appended is not committed until `replicated` says so. */
  replicates = true;
  private held: { readonly requiredOffset: number; readonly reply: GroupReply }[] = [];
  private readonly random = new CountingRandom();

  constructor(
    readonly config: GroupConfig = GROUP_CONFIG_DEFAULTS,
    private readonly onReply: (reply: GroupReply) => void,
    private readonly onRecords: (effects: GroupEffects) => void = () => undefined,
  ) {
    this.shard = this.fresh();
    this.shard.loaded(this.nowMs);
  }

  caller(token: number, apiVersion: number, clientId = 'c'): GroupCaller {
    return { token, apiVersion, clientId, clientHost: '/127.0.0.1', nowMs: this.nowMs };
  }

  run(effects: GroupEffects): void {
    if (effects.records.length > 0) {
      if (this.refuseNext !== ErrorCode.NONE) {
        const error = this.refuseNext;
        this.refuseNext = ErrorCode.NONE;
        this.run(this.shard.appendFailed(effects, error, this.nowMs));
        return;
      }
      const baseOffset = this.log.length;
      for (const record of effects.records) this.log.push({ ...encodeGroupRecord(record), producerId: effects.transaction?.producerId ?? -1 });
      this.onRecords(effects);
      if (this.replicates) this.shard.committedTo(this.log.length);
      this.shard.appended(effects, baseOffset);
    }
    if (this.replicates) effects.replies.forEach(this.onReply);
    else this.held.push(...effects.replies.map((reply) => ({ requiredOffset: this.log.length, reply })));
  }

  /** Everything below this offset has become committed. */
  replicated(endOffset: number): void {
    this.shard.committedTo(endOffset);
    this.replicates = endOffset === this.log.length;
    const due = this.held.filter((it) => it.requiredOffset <= endOffset);
    this.held = this.held.filter((it) => it.requiredOffset > endOffset);
    due.forEach(({ reply }) => this.onReply(reply));
  }

  /** Goes to this time, with every timer at its own moment. */
  advanceTo(timeMs: number): void {
    for (let dueMs = this.shard.nextDueMs(); dueMs <= timeMs; dueMs = this.shard.nextDueMs()) {
      this.nowMs = Math.max(this.nowMs, dueMs);
      const effects = this.shard.tick(this.nowMs);
      if (effects !== null) this.run(effects);
    }
    this.nowMs = timeMs;
  }

  endTransaction(producerId: number, isCommit: boolean): void {
    this.log.push({ endTxn: { producerId, isCommit } });
    this.shard.replayEndTransaction(producerId, isCommit);
  }

  /** The log replayed into a new shard, as after a restart. */
  replayed(): GroupCoordinator {
    const shard = this.fresh();
    this.log.forEach((entry, offset) => {
      if ('endTxn' in entry) shard.replayEndTransaction(entry.endTxn.producerId, entry.endTxn.isCommit);
      else {
        const record = decodeGroupRecord(entry.key, entry.value);
        if (record === undefined) throw new Error('a record that we wrote is unknown');
        shard.replay(record, { offset, producerId: entry.producerId });
      }
    });
    return shard;
  }

  restart(): void {
    this.shard.unload().forEach(this.onReply);
    this.shard = this.replayed();
    this.shard.loaded(this.nowMs);
  }

  private fresh(): GroupCoordinator {
    return new GroupCoordinator({ config: this.config, random: this.random });
  }
}
