import { RetriableError, SourceTask, type Headers, type OffsetMap, type SourceLag, type SourceRecord, type SourceTaskContext } from '@millrace/connect-api';
import type { MongoClient } from 'mongodb';
import { readSettings, type SourceSettings } from './config/source-settings.js';
import { createClient } from './connection/connect.js';
import { explained, fatal, isRetriable, PositionLost, reasonOf } from './connection/failure.js';
import { pause, within } from './connection/pause.js';
import { CollectionPlanner } from './records/collection-plan.js';
import { contextHeaders } from './records/context-headers.js';
import { positionOffset, readStoredPosition, type StoredPosition } from './records/position.js';
import { SourceBlock } from './records/source-block.js';
import { capturedCollections } from './snapshot/collections.js';
import { SnapshotReader } from './snapshot/snapshot-reader.js';
import { ChangeReader } from './streaming/change-reader.js';
import { ChangeStream } from './streaming/change-stream.js';
import { Heartbeat } from './streaming/heartbeat.js';
import { VERSION } from './version.js';

const FIRST_RETRY_MS = 200;

/** What the task is about. `opening`: what comes next is being made, by one attempt at a time. */
type Phase =
  | { readonly is: 'opening'; attempt: Promise<Phase> | undefined }
  | { readonly is: 'snapshot'; readonly reader: SnapshotReader }
  | { readonly is: 'streaming'; readonly reader: ChangeReader }
  | { readonly is: 'done' };

/** Reads one deployment, database or collection: first what is there, then what changes. */
export class MongoSourceTask extends SourceTask {
  private context!: SourceTaskContext;
  private settings!: SourceSettings;
  private client: MongoClient | undefined;
  private planner!: CollectionPlanner;
  private heartbeat!: Heartbeat;
  private headers: Headers = [];
  private partition: OffsetMap = {};
  private phase: Phase = { is: 'opening', attempt: undefined };
  /** Where the next stream goes on; undefined: nothing was stored or read yet. */
  private position: StoredPosition | undefined;
  private hasTakenSnapshot = false;
  private storedQuietToken: Buffer | undefined;
  private failures = 0;
  private failure: unknown;

  async start(context: SourceTaskContext): Promise<void> {
    this.context = context;
    this.settings = readSettings(context.config);
    const { values } = this.settings;
    const prefix = values['topic.prefix'];
    this.partition = { server_id: prefix };
    this.planner = new CollectionPlanner(this.settings, new SourceBlock(VERSION, prefix));
    this.heartbeat = new Heartbeat(this.settings, this.partition);
    if (values['extended.headers.enabled']) this.headers = contextHeaders(prefix, context.taskId);
    this.position = readStoredPosition(await context.offset(this.partition));
    this.client = createClient(this.settings);
  }

  async poll(): Promise<readonly SourceRecord[]> {
    const records: SourceRecord[] = [];
    try {
      if (this.failure !== undefined) throw this.failure;
      await this.step(records);
      return records;
    } catch (error) {
      // What was read before the failure counts as sent: it is handed over first, and the failure is for the next poll.
      this.failure = records.length > 0 ? error : undefined;
      if (records.length > 0) return records;
      throw await this.failed(error);
    }
  }

  override offsetsWithoutRecords(): ReadonlyMap<OffsetMap, OffsetMap> | null {
    const token = this.phase.is === 'streaming' ? this.phase.reader.quietPosition : undefined;
    if (!token || this.storedQuietToken?.equals(token)) return null;
    this.storedQuietToken = token;
    return new Map([[this.partition, this.quietOffset(token)]]);
  }

  override lag(): SourceLag | null {
    const milliseconds = this.phase.is === 'streaming' ? this.phase.reader.lagMilliseconds : undefined;
    return milliseconds === undefined ? null : { milliseconds };
  }

  async stop(): Promise<void> {
    await this.closePhase();
    await this.client?.close(true).catch(() => undefined);
  }

  private async step(records: SourceRecord[]): Promise<void> {
    const { values } = this.settings;
    const { phase } = this;
    if (phase.is === 'opening') {
      phase.attempt ??= this.open();
      phase.attempt.catch(() => undefined);
      const next = await within(phase.attempt, values['poll.interval.ms'], this.context.signal);
      if (next) this.phase = next;
      return;
    }
    if (phase.is === 'done') await pause(values['poll.interval.ms'], this.context.signal);
    else if (phase.is === 'snapshot') await this.readSnapshot(phase.reader, records);
    else await this.readChanges(phase.reader, records);
    this.failures = 0;
  }

  private async readSnapshot(reader: SnapshotReader, records: SourceRecord[]): Promise<void> {
    const { values } = this.settings;
    reader.read(values['max.batch.size'], records);
    if (records.length === 0 && !reader.isDone) {
      await reader.wait(values['poll.interval.ms']);
      reader.read(values['max.batch.size'], records);
    }
    if (!reader.isDone) return;
    this.context.logger.info({ collections: reader.collectionCount }, 'The snapshot is complete');
    this.position = reader.position;
    this.hasTakenSnapshot = true;
    this.phase = values['snapshot.mode'].toLowerCase() === 'initial_only' ? { is: 'done' } : { is: 'opening', attempt: undefined };
    if (this.phase.is === 'opening') await pause(values['streaming.delay.ms'], this.context.signal);
  }

  private async readChanges(reader: ChangeReader, records: SourceRecord[]): Promise<void> {
    const { values } = this.settings;
    await reader.read(values['max.batch.size'], values['poll.interval.ms'], records);
    const nowMs = Date.now();
    const token = reader.quietPosition;
    if (token && this.heartbeat.isDue(nowMs)) {
      this.storedQuietToken = token;
      records.push(this.heartbeat.record(this.quietOffset(token), nowMs));
    }
  }

  private quietOffset(token: Buffer): OffsetMap {
    return positionOffset({ isSnapshotRunning: false, token, seconds: -1, order: -1 });
  }

  /** Looks at the stored offset, and makes what it calls for. */
  private async open(): Promise<Phase> {
    const { position, settings, context } = this;
    const mode = settings.values['snapshot.mode'].toLowerCase();
    const isNew = position === undefined || position.isSnapshotRunning;
    const takesNone = mode === 'no_data' || mode === 'never';
    if (position?.isSnapshotRunning && takesNone) {
      throw fatal('The connector previously stopped while taking a snapshot, but now it is configured never to take one. Reconfigure it to use a snapshot mode initial or when_needed');
    }
    if (!isNew && mode === 'initial_only') return { is: 'done' };
    if ((isNew && !takesNone) || (mode === 'always' && !this.hasTakenSnapshot)) return await this.openSnapshot();
    try {
      return await this.openStream();
    } catch (error) {
      if (mode !== 'when_needed' || !(error instanceof PositionLost)) throw error;
      context.logger.warn({ reason: reasonOf(error) }, 'The position is lost: taking a new snapshot');
      return await this.openSnapshot();
    }
  }

  private async openSnapshot(): Promise<Phase> {
    const { client, settings, planner, partition, headers, context } = this;
    await pause(settings.values['snapshot.delay.ms'], context.signal);
    // Invariant 3: the position is from before the first read, so that nothing is missed between the two.
    const position = await ChangeStream.currentPosition({ client: client!, settings, signal: context.signal });
    const all = await capturedCollections(client!, settings);
    const collections = all.filter((it) => settings.filter.snapshots(it.database, it.collection));
    context.logger.info({ collections: collections.length }, 'The snapshot begins');
    const reader = new SnapshotReader({ client: client!, settings, planner, partition, headers, position, collections, filterOf: (namespace) => settings.snapshotFilter(namespace) });
    return { is: 'snapshot', reader };
  }

  private async openStream(): Promise<Phase> {
    const { client, settings, planner, partition, headers, position, context } = this;
    const reader = await ChangeReader.open({ client: client!, settings, planner, partition, headers, position, signal: context.signal });
    context.logger.info({ resumes: position !== undefined }, 'Streaming begins');
    return { is: 'streaming', reader };
  }

  /** Gives up what was open, keeps the place, and says whether trying again makes sense. */
  private async failed(error: unknown): Promise<Error> {
    if (this.phase.is === 'streaming') this.position = this.phase.reader.position() ?? this.position;
    await this.closePhase();
    const { values } = this.settings;
    if (this.context.signal.aborted) return new RetriableError('The task is stopping', { cause: error });
    if (!isRetriable(error) && !(error instanceof PositionLost && values['snapshot.mode'].toLowerCase() === 'when_needed')) return explained(error);
    this.failures += 1;
    const most = values['errors.max.retries'];
    if (most >= 0 && this.failures > most) return fatal(`The connection to MongoDB was lost, and ${most} attempts to get it back failed`, error);
    const retryAfterMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.failures - 1, 20), values['retriable.restart.connector.wait.ms']);
    this.context.logger.warn({ reason: reasonOf(error), attempt: this.failures, retryAfterMs }, 'The connection to MongoDB was lost');
    return new RetriableError(`The connection to MongoDB was lost: ${reasonOf(error)}`, { cause: error, retryAfterMs });
  }

  private async closePhase(): Promise<void> {
    const { phase } = this;
    if (phase.is === 'done') return;
    this.phase = { is: 'opening', attempt: undefined };
    if (phase.is === 'snapshot') phase.reader.close();
    else if (phase.is === 'streaming') await phase.reader.close();
    else void phase.attempt?.then((late) => (late.is === 'streaming' ? late.reader.close() : late.is === 'snapshot' ? late.reader.close() : undefined)).catch(() => undefined);
  }
}
