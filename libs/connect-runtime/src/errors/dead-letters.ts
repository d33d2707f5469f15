import { ConnectError, type ConnectLogger } from '@millrace/connect-api';
import { Producer } from '@millrace/client';
import { errorMessage } from '@millrace/foundation';
import type { Secrets } from '../config-providers/secrets.js';
import { kafkaClient, producerSettings } from '../kafka/client-settings.js';
import { TopicAdmin } from '../kafka/topic-admin.js';
import type { ConnectorTaskId } from '../rest/shapes.js';
import type { WireHeader } from '../tasks/task-converters.js';
import { within } from '../waiting.js';
import type { DeadLetterSettings } from './error-settings.js';
import type { ErrorTotals } from './error-totals.js';
import { javaClassOf, type FailedStep } from './failed-step.js';
import type { OriginalRecord } from './original-record.js';

/** While so many bytes of dead letters are on their way no more records are taken. */
const PENDING_BYTES_MAX = 16 * 1024 * 1024;
const PREFIX = '__connect.errors.';

export interface DeadLettersOptions {
  readonly settings: DeadLetterSettings;
  readonly id: ConnectorTaskId;
  readonly totals: ErrorTotals;
  readonly secrets: Secrets;
  readonly logger: ConnectLogger;
  /** There is room again, or `failure` is set. */
  readonly onChange: () => void;
}

/**
 * The dead-letter topic of a sink task. Each record goes there as it came. What cannot be written fails the task, and no offset behind a
 * dead letter is committed before it is there (Invariant 12).
 */
export class DeadLetters {
  /** A letter could not be written. */
  failure: Error | undefined;
  private readonly pending = new Set<Promise<void>>();
  private pendingBytes = 0;

  private constructor(
    private readonly options: DeadLettersOptions,
    private readonly producer: Producer,
  ) {}

  /** Makes the topic where it is missing. Rejects with ConnectError when that does not work. */
  static async open(options: DeadLettersOptions): Promise<DeadLetters> {
    const { settings, logger } = options;
    const client = kafkaClient(settings.adminConfig);
    try {
      const admin = new TopicAdmin(client);
      if (!(await admin.exists(settings.topic)) && (await admin.create({ topic: settings.topic, partitions: 1, replicationFactor: settings.replicationFactor, configs: {} }))) {
        logger.info({ topic: settings.topic }, 'a dead-letter topic was made');
      }
    } catch (error) {
      throw Object.assign(new ConnectError(`Could not initialize dead letter queue with topic=${settings.topic}: ${errorMessage(error)}`), { cause: error });
    } finally {
      client.close();
    }
    return new DeadLetters(options, new Producer(producerSettings(settings.producerConfig, logger)));
  }

  get isFull(): boolean {
    return this.pendingBytes >= PENDING_BYTES_MAX;
  }

  /** Resolves when the letter is in the topic. Nobody needs to wait for it: `settled` tells of all. */
  report(original: OriginalRecord, step: FailedStep): Promise<void> {
    const { settings, id, totals, secrets, onChange } = this.options;
    const { topic, hasContextHeaders } = settings;
    totals.deadLetterQueueProduceRequests += 1;
    const headers = original.headers.map((it): WireHeader => ({ key: it.key, value: it.value && Uint8Array.from(it.value) }));
    if (hasContextHeaders) headers.push(...contextHeaders(id, original, step, secrets));
    const key = original.key && Uint8Array.from(original.key);
    const value = original.value && Uint8Array.from(original.value);
    const bytes = (key?.length ?? 0) + (value?.length ?? 0) + 1024;
    this.pendingBytes += bytes;
    const sent = this.producer
      .send({ topic, key, value, headers, timestamp: original.timestampMs < 0 ? undefined : original.timestampMs })
      .then(() => undefined)
      .catch((error: unknown) => {
        totals.deadLetterQueueProduceFailures += 1;
        const failure = Object.assign(new ConnectError(`The record at ${original.topic}-${original.partition}, offset ${original.offset} could not be written to the dead-letter topic ${topic}: ${errorMessage(error)}`), { cause: error });
        this.failure ??= failure;
        throw failure;
      })
      .finally(() => {
        this.pending.delete(sent);
        this.pendingBytes -= bytes;
        onChange();
      });
    this.pending.add(sent);
    sent.catch(() => undefined);
    return sent;
  }

  /** Waits for what was reported so far; rejects when a letter could not be written, now or before. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.pending);
    if (this.failure) throw this.failure;
  }

  /** What is on its way gets this time. */
  async close(timeoutMs: number): Promise<void> {
    await within(timeoutMs, Promise.allSettled(this.pending));
    await this.producer.close({ timeoutMs: 0 });
  }
}

function contextHeaders(id: ConnectorTaskId, original: OriginalRecord, { stage, className, error }: FailedStep, secrets: Secrets): WireHeader[] {
  const texts: [string, string][] = [
    ['topic', original.topic],
    ['partition', String(original.partition)],
    ['offset', String(original.offset)],
    ['connector.name', id.connector],
    ['task.id', String(id.task)],
    ['stage', stage],
    ['class.name', className],
    ['exception.class.name', javaClassOf(error)],
    ['exception.message', secrets.hide(error instanceof Error ? error.message : String(error))],
    ['exception.stacktrace', secrets.hide(error instanceof Error ? (error.stack ?? '') : String(error))],
  ];
  return texts.map(([name, text]) => ({ key: PREFIX + name, value: Buffer.from(text, 'utf8') }));
}
