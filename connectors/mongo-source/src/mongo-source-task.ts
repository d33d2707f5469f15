import { ConfigError, RetriableError, SourceTask, type Headers, type OffsetMap, type SourceLag, type SourceRecord, type SourceTaskContext, type TaskSignal } from '@millrace/connect-api';
import type { MongoClient } from 'mongodb';
import { readSettings, type SourceSettings } from './config/source-settings.js';
import { createClient } from './connection/connect.js';
import { explained, fatal, isRetriable, PositionLost, reasonOf } from './connection/failure.js';
import { pause, within } from './connection/pause.js';
import { CollectionPlanner } from './records/collection-plan.js';
import { contextHeaders } from './records/context-headers.js';
import { positionOffset, readStoredPosition, type OffsetExtras, type StoredPosition } from './records/position.js';
import { SourceBlock } from './records/source-block.js';
import { capturedCollections, type Namespace } from './snapshot/collections.js';
import { IncrementalSnapshot } from './snapshot/incremental-snapshot.js';
import { SnapshotReader, type SnapshotOptions } from './snapshot/snapshot-reader.js';
import { Notifications } from './signals/notifications.js';
import { readSnapshotRequest, readStoppedCollections, type SnapshotRequest } from './signals/snapshot-signal.js';
import { ChangeReader } from './streaming/change-reader.js';
import { ChangeStream } from './streaming/change-stream.js';
import { Heartbeat } from './streaming/heartbeat.js';
import { VERSION } from './version.js';

const FIRST_RETRY_MS = 200;

/** What the task is about. `opening`: what comes next is being made, by one attempt at a time. */
type Phase =
  | { readonly is: 'opening'; attempt: Promise<Phase> | undefined }
  | { readonly is: 'snapshot'; readonly isInitial: boolean; readonly request?: SnapshotRequest; readonly reader: SnapshotReader }
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
  private notifications!: Notifications;
  private incremental!: IncrementalSnapshot;
  /** Blocking snapshots that were asked for. */
  private readonly requests: SnapshotRequest[] = [];
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
    const offset = await context.offset(this.partition);
    this.position = readStoredPosition(offset);
    this.client = createClient(this.settings);
    this.notifications = new Notifications(this.settings, this.partition, context.logger);
    const { settings, planner, partition, headers, notifications } = this;
    this.incremental = new IncrementalSnapshot({ client: () => this.client!, settings, planner, partition, headers, notifications });
    this.incremental.restore(offset);
  }

  async poll(): Promise<readonly SourceRecord[]> {
    const records: SourceRecord[] = [];
    try {
      if (this.failure !== undefined) throw this.failure;
      await this.step(records);
      this.addNotifications(records);
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

  /** Debezium's signals: `execute-snapshot` (INCREMENTAL, BLOCKING), `stop-snapshot`, `pause-snapshot`, `resume-snapshot` and `log`. */
  override async onSignal(signal: TaskSignal): Promise<void> {
    switch (signal.type) {
      case 'execute-snapshot': {
        const request = readSnapshotRequest(signal);
        if (request.type === 'BLOCKING') this.requests.push(request);
        else await this.incremental.execute(request);
        break;
      }
      case 'stop-snapshot':
        this.incremental.cancel(readStoppedCollections(signal));
        break;
      case 'pause-snapshot':
      case 'resume-snapshot':
        this.incremental.setPaused(signal.type === 'pause-snapshot');
        break;
      case 'log':
        this.context.logger.info({ id: signal.id, signal: String((signal.data as { message?: unknown } | null)?.message ?? '') }, 'Signal');
        break;
      default:
        throw new ConfigError(`This connector does not know the signal ${signal.type}`, 'type');
    }
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
    else if (phase.is === 'snapshot') await this.readSnapshot(phase, records);
    else await this.readChanges(phase.reader, records);
    this.failures = 0;
  }

  private async readSnapshot({ reader, isInitial }: Phase & { readonly is: 'snapshot' }, records: SourceRecord[]): Promise<void> {
    const { values } = this.settings;
    reader.read(values['max.batch.size'], records);
    if (records.length === 0 && !reader.isDone) {
      await reader.wait(values['poll.interval.ms']);
      reader.read(values['max.batch.size'], records);
    }
    if (!reader.isDone) return;
    this.context.logger.info({ collections: reader.collectionCount }, 'The snapshot is complete');
    this.notifications.tell('Initial Snapshot', 'COMPLETED');
    this.position = reader.position;
    this.hasTakenSnapshot ||= isInitial;
    this.phase = isInitial && values['snapshot.mode'].toLowerCase() === 'initial_only' ? { is: 'done' } : { is: 'opening', attempt: undefined };
    if (isInitial && this.phase.is === 'opening') await pause(values['streaming.delay.ms'], this.context.signal);
  }

  private async readChanges(reader: ChangeReader, records: SourceRecord[]): Promise<void> {
    const { values } = this.settings;
    const [request] = this.requests;
    if (request) return this.beginBlocking(reader, request);
    reader.extras = this.incremental.progress;
    // While a chunk waits for the stream to pass it, an empty answer of the server is what it waits for.
    await reader.read(values['max.batch.size'], values['poll.interval.ms'], records, (event) => this.incremental.onEvent(event));
    this.incremental.step(reader.passedTime, (extras) => this.streamOffset(reader, extras), records);
    const nowMs = Date.now();
    const token = reader.quietPosition;
    if (token && this.heartbeat.isDue(nowMs)) {
      this.storedQuietToken = token;
      records.push(this.heartbeat.record(this.quietOffset(token), nowMs));
    }
  }

  private quietOffset(token: Buffer): OffsetMap {
    return positionOffset({ isSnapshotRunning: false, token, seconds: -1, order: -1 }, this.incremental.progress);
  }

  private streamOffset(reader: ChangeReader, extras: OffsetExtras): OffsetMap | undefined {
    const position = reader.position();
    return position && positionOffset(position, extras);
  }

  /** The stream is left where it is, and goes on from there behind the snapshot. */
  private async beginBlocking(reader: ChangeReader, request: SnapshotRequest): Promise<void> {
    const position = reader.position();
    if (!position) return;
    this.position = position;
    await reader.close();
    const all = await capturedCollections(this.client!, this.settings);
    const collections = all.filter((it) => request.collections.some((pattern) => pattern.test(`${it.database}.${it.collection}`)));
    this.phase = { ...this.snapshotPhase(position, collections, (namespace) => request.filterOf(namespace), false), request };
    // Not before: until the snapshot has begun, a failure leaves the request to be taken up again.
    this.requests.shift();
  }

  private snapshotPhase(position: StoredPosition, collections: readonly Namespace[], filterOf: SnapshotOptions['filterOf'], isInitial: boolean): Phase & { readonly is: 'snapshot' } {
    const { client, settings, planner, partition, headers, notifications, context } = this;
    const names = collections.map((it) => `${it.database}.${it.collection}`);
    context.logger.info({ collections: names.length }, 'The snapshot begins');
    notifications.tell('Initial Snapshot', 'STARTED');
    const onCollection: SnapshotOptions['onCollection'] = ({ database, collection }, documents) => {
      const name = `${database}.${collection}`;
      if (documents === undefined) notifications.tell('Initial Snapshot', 'IN_PROGRESS', { current_collection_in_progress: name, data_collections: names.join(',') });
      else notifications.tell('Initial Snapshot', 'TABLE_SCAN_COMPLETED', { scanned_collection: name, data_collections: names.join(','), total_rows_scanned: String(documents), status: 'SUCCEEDED' });
    };
    return { is: 'snapshot', isInitial, reader: new SnapshotReader({ client: client!, settings, planner, partition, headers, position, collections, isInitial, filterOf, onCollection }) };
  }

  /** They carry the position behind what this poll hands over. */
  private addNotifications(records: SourceRecord[]): void {
    if (!this.notifications.hasWaiting) return;
    const { phase } = this;
    const offset = phase.is === 'streaming' ? this.streamOffset(phase.reader, this.incremental.progress) : phase.is === 'snapshot' ? phase.reader.runningOffset : this.position && positionOffset(this.position);
    if (offset) this.notifications.take(offset, records);
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
    const { client, settings, context } = this;
    await pause(settings.values['snapshot.delay.ms'], context.signal);
    // Invariant 3: the position is from before the first read, so that nothing is missed between the two.
    const position = await ChangeStream.currentPosition({ client: client!, settings, signal: context.signal });
    const all = await capturedCollections(client!, settings);
    const collections = all.filter((it) => settings.filter.snapshots(it.database, it.collection));
    return this.snapshotPhase(position, collections, (namespace) => settings.snapshotFilter(namespace), true);
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
    if (this.phase.is === 'snapshot') {
      this.notifications.tell('Initial Snapshot', 'ABORTED');
      if (this.phase.request) this.requests.unshift(this.phase.request);
    }
    await this.closePhase();
    const { values } = this.settings;
    // A client that could not connect does not try again by itself.
    this.incremental.interrupt();
    await this.client?.close(true).catch(() => undefined);
    this.client = createClient(this.settings);
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
