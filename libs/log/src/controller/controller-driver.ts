import { errorMessage, type Clock, type Logger, type Offset, type Random } from '@millrace/foundation';
import type { Controller, ControllerMoment, ControllerResult } from '@millrace/metadata';
import { ErrorCode, ProtocolError, type MetadataRecord } from '@millrace/protocol';
import { isStorageFailure } from '../storage-failure.js';
import type { MetadataLog } from './metadata-log.js';

export interface ControllerDriverOptions {
  readonly controller: Controller;
  readonly log: MetadataLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told of each committed batch, in order; an operation is answered when it has resolved, so that the broker follows before the client hears of it. */
  readonly onCommitted: (records: readonly MetadataRecord[], baseOffset: Offset) => Promise<void>;
}

/** What an operation of the controller is given. */
export type ControllerOperation<Response> = (controller: Controller, moment: ControllerMoment, nextOffset: Offset) => ControllerResult<Response>;

/** Carries out what the controller decides: append, replay, sync, let the broker follow, answer. Appends and commits keep their order. */
export class ControllerDriver {
  private commits: Promise<void> = Promise.resolve();

  constructor(private readonly options: ControllerDriverOptions) {}

  /** Rejects with ProtocolError NOT_CONTROLLER when the metadata log cannot be written. */
  async submit<Response>(operation: ControllerOperation<Response>): Promise<Response> {
    const { controller, log, clock, random } = this.options;
    const { records, response } = operation(controller, { nowMs: clock.nowMs(), random }, log.nextOffset);
    if (records.length > 0) await this.write(records);
    return response;
  }

  async write(records: readonly MetadataRecord[]): Promise<void> {
    const { controller, log, onCommitted } = this.options;
    const baseOffset = this.whileWritable(() => log.append(records));
    records.forEach((record, i) => controller.replay(record, baseOffset + i));
    const committed = this.commits.then(async () => {
      await log.commit().catch((error: unknown) => this.whileWritable(() => rethrow(error)));
      await onCommitted(records, baseOffset);
    });
    this.commits = committed.catch(() => undefined);
    await committed;
  }

  /** Resolves when everything that was submitted so far has been committed or refused. */
  async settled(): Promise<void> {
    await this.commits;
  }

  private whileWritable<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      this.options.logger.error({ error: errorMessage(error) }, 'the metadata log cannot be written');
      throw new ProtocolError(ErrorCode.NOT_CONTROLLER, 'The metadata log cannot be written', { cause: error });
    }
  }
}

function rethrow(error: unknown): never {
  throw error;
}
