import { errorMessage, type Clock, type LeaderEpoch, type Logger, type Offset, type Random, type Scheduled, type Scheduler } from '@millrace/foundation';
import { batchesOf, imageRecords, type Controller, type ControllerMoment, type ControllerResult, type MetadataImage } from '@millrace/metadata';
import { ErrorCode, ProtocolError, type MetadataRecord } from '@millrace/protocol';
import type { RoleChange } from '@millrace/raft';
import type { MetadataBatch } from '../quorum/metadata-store.js';
import type { LeaderTurn, QuorumDriver } from '../quorum/quorum-driver.js';
import { isStorageFailure } from '../storage-failure.js';

const TICK_MS = 500;
/** Of one tick that goes on returning records. */
const TICK_ROUNDS_MAX = 100;

export interface ControllerDriverOptions {
  readonly controller: Controller;
  readonly quorum: () => QuorumDriver;
  /** Committed metadata, as this node has followed it. */
  readonly committedImage: MetadataImage;
  /** After so long without a tick of its own the controller does not judge who was silent: it was itself. */
  readonly stallMsMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** This node became the active controller, or is it no longer. */
  readonly onActive: (isActive: boolean) => void;
}

/** What an operation of the controller is given. */
export type ControllerOperation<Response> = (controller: Controller, moment: ControllerMoment, nextOffset: Offset) => ControllerResult<Response>;

interface Pending {
  readonly endOffset: Offset;
  readonly resolve: () => void;
  readonly reject: (error: ProtocolError) => void;
}

/**
 * Carries out what the controller's machine decides, while this node leads the quorum: append, replay, wait until it is committed and this node has followed it, answer.
 * Otherwise it keeps the machine up to date with what is committed. An active machine runs ahead of that; when its node leads no longer, it begins anew from the
 * committed image, for what it had appended may be lost.
 */
export class ControllerDriver {
  /** Elected; active as soon as everything before `startOffset`, and the leader's first record, is applied. */
  private elected: { readonly epoch: LeaderEpoch; readonly startOffset: Offset } | undefined;
  private activeEpoch: LeaderEpoch | undefined;
  private readonly pending: Pending[] = [];
  private timer: Scheduled | undefined;
  private lastTickMs = 0;
  private followedOffset: Offset = -1;

  constructor(private readonly options: ControllerDriverOptions) {}

  get isActive(): boolean {
    return this.activeEpoch !== undefined;
  }

  /** Rejects with ProtocolError NOT_CONTROLLER when this node is not the active controller, or stops being it before the records are committed; with KAFKA_STORAGE_ERROR when it is the only one and cannot write its log. */
  async submit<Response>(operation: ControllerOperation<Response>): Promise<Response> {
    const { controller, random } = this.options;
    const decided = await this.inTurn((turn) => {
      const result = operation(controller, { nowMs: this.nowMs(), random }, turn.nextOffset);
      return { response: result.response, endOffset: this.append(turn, batchesOf(result)) };
    });
    if (decided.endOffset !== undefined) await this.applied(decided.endOffset);
    return decided.response;
  }

  /** A read of what the active controller knows; not of what is committed only. */
  async query<Answer>(question: (controller: Controller) => Answer): Promise<Answer> {
    return await this.inTurn(() => question(this.options.controller));
  }

  roleChanged(change: RoleChange): void {
    const isElected = change.role === 'leader';
    if (isElected && this.elected?.epoch === change.leaderEpoch) return;
    if (this.activeEpoch !== undefined) this.deactivate();
    this.elected = isElected ? { epoch: change.leaderEpoch, startOffset: change.epochStartOffset } : undefined;
  }

  /** A committed batch, before the rest of the node follows it. */
  committed(batch: MetadataBatch): void {
    if (this.activeEpoch !== undefined) return;
    this.options.controller.replayBatch(batch.records, batch.baseOffset);
  }

  /** A snapshot took the place of everything. */
  loaded(records: readonly MetadataRecord[], endOffset: Offset): void {
    this.options.controller.load(records, endOffset - 1);
  }

  /** This node has followed everything before `offset`. */
  followed(offset: Offset): void {
    this.followedOffset = offset;
    while ((this.pending[0]?.endOffset ?? Number.POSITIVE_INFINITY) <= offset) this.pending.shift()?.resolve();
    const { elected } = this;
    if (elected !== undefined && this.activeEpoch === undefined && offset > elected.startOffset) this.activate(elected.epoch);
  }

  stop(): void {
    if (this.activeEpoch !== undefined) this.deactivate();
    this.elected = undefined;
  }

  private async inTurn<T>(work: (turn: LeaderTurn) => T): Promise<T> {
    const { activeEpoch } = this;
    if (activeEpoch === undefined) throw notController();
    return await this.options.quorum().asLeader(activeEpoch, (turn) => {
      if (turn === undefined || this.activeEpoch !== activeEpoch) throw notController();
      return work(turn);
    });
  }

  /** Gives the end of what was appended; undefined when there was nothing. */
  private append(turn: LeaderTurn, batches: readonly (readonly MetadataRecord[])[]): Offset | undefined {
    let endOffset: Offset | undefined;
    for (const records of batches) {
      const baseOffset = this.whileWritable(() => turn.append(records));
      this.options.controller.replayBatch(records, baseOffset);
      endOffset = baseOffset + records.length;
    }
    return endOffset;
  }

  private applied(endOffset: Offset): Promise<void> {
    // The epoch may have ended between the turn and this call.
    if (this.activeEpoch === undefined) return Promise.reject(notController());
    if (this.followedOffset >= endOffset) return Promise.resolve();
    return new Promise((resolve, reject) => this.pending.push({ endOffset, resolve, reject }));
  }

  private activate(epoch: LeaderEpoch): void {
    const { controller, logger } = this.options;
    this.activeEpoch = epoch;
    this.lastTickMs = this.nowMs();
    logger.info({ epoch, offset: controller.image.lastOffset }, 'this node is the active controller');
    const { formerLeader } = this.options.quorum();
    this.begin(epoch, controller.activate(this.nowMs(), formerLeader === undefined ? undefined : { nodeId: formerLeader.leaderId, lastHeardMs: formerLeader.lastHeardMs }));
    this.scheduleTick(epoch);
  }

  /** Active for others once its first records are in the log; where no other node can lead, a full disk is asked again. */
  private begin(epoch: LeaderEpoch, first: readonly MetadataRecord[]): void {
    const { logger, onActive, scheduler } = this.options;
    const begun = first.length === 0 ? Promise.resolve() : this.inTurn((turn) => void this.append(turn, [first]));
    begun.then(
      () => this.activeEpoch === epoch && onActive(true),
      (error: unknown) => {
        logger.warn({ epoch, error: errorMessage(error) }, 'the controller could not write its first records');
        if (this.activeEpoch === epoch) scheduler.after(TICK_MS, () => this.activeEpoch === epoch && this.begin(epoch, first));
      },
    );
  }

  private deactivate(): void {
    const { controller, committedImage, logger, onActive } = this.options;
    logger.info({ epoch: this.activeEpoch }, 'this node is the active controller no longer');
    this.activeEpoch = undefined;
    this.timer?.cancel();
    for (const it of this.pending.splice(0)) it.reject(notController());
    controller.load(imageRecords(committedImage), committedImage.lastOffset);
    onActive(false);
  }

  /** Regularly, and at the end of a session: who leads instead of a dead broker is known no later than it has to be. */
  private scheduleTick(epoch: LeaderEpoch): void {
    const sessionLeftMs = Math.ceil(this.options.controller.nextSessionEndMs - this.nowMs());
    this.timer = this.options.scheduler.after(sessionLeftMs > 0 ? Math.min(TICK_MS, sessionLeftMs) : TICK_MS, () => {
      if (this.activeEpoch !== epoch) return;
      const nowMs = this.nowMs();
      const isLate = nowMs - this.lastTickMs > this.options.stallMsMax;
      this.lastTickMs = nowMs;
      // Heartbeats that came while this process stood still are read before the next tick.
      const ticked = isLate ? Promise.resolve() : this.inTurn((turn) => this.tick(turn, nowMs));
      ticked.catch((error: unknown) => this.options.logger.warn({ error: errorMessage(error) }, 'periodic work of the controller failed')).finally(() => this.activeEpoch === epoch && this.scheduleTick(epoch));
    });
  }

  private tick(turn: LeaderTurn, nowMs: number): void {
    for (let round = 0; round < TICK_ROUNDS_MAX; round += 1) {
      const records = this.options.controller.tick(nowMs);
      if (records.length === 0) return;
      this.append(turn, batchesOf({ records }));
    }
  }

  /** A wall clock that does not go back. */
  private nowMs(): number {
    return this.options.quorum().nowMs();
  }

  /** A disk that is full refuses, and is asked again with the next operation; where others can lead, they do. */
  private whileWritable<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      this.options.logger.error({ error: errorMessage(error) }, 'the metadata log cannot be written');
      const quorum = this.options.quorum();
      if (quorum.voterCount < 2) throw new ProtocolError(ErrorCode.KAFKA_STORAGE_ERROR, 'The metadata log cannot be written', { cause: error });
      if (this.activeEpoch !== undefined) quorum.resign(this.activeEpoch);
      throw notController();
    }
  }
}

function notController(): ProtocolError {
  return new ProtocolError(ErrorCode.NOT_CONTROLLER, 'This node is not the active controller');
}
