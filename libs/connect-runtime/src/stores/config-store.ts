import type { Logger } from '@millrace/foundation';
import type { StringMap } from '../rest/shapes.js';
import { decodeConfigRecord, encodeConfigKey, encodeConfigValue, type ConfigRecord, type RestartRequest, type SessionKey, type TargetState } from './config-records.js';
import { ConfigState, type ConfigChange } from './config-state.js';
import type { LogRecord, TopicLog } from './topic-log.js';

/** The config topic: its replayed state, and the writes that keep Connect's order of records. */
export class ConfigStore {
  readonly state = new ConfigState();
  private isStarted = false;

  constructor(
    private readonly log: TopicLog,
    private readonly logger: Logger,
    /** Called for each change that is read after `start` has resolved; also for this worker's own. */
    private readonly onChange: (change: ConfigChange) => void,
  ) {}

  async start(): Promise<void> {
    await this.log.start((record) => this.take(record));
    this.isStarted = true;
  }

  async stop(): Promise<void> {
    await this.log.stop();
  }

  async readToEnd(): Promise<void> {
    await this.log.readToEnd();
  }

  /** Target state, if given, and config go in one batch. */
  async putConnector(connector: string, config: StringMap, targetState?: TargetState): Promise<void> {
    const records: ConfigRecord[] = targetState === undefined ? [] : [{ kind: 'target-state', connector, value: targetState }];
    await this.write([...records, { kind: 'connector', connector, value: config }]);
  }

  async removeConnector(connector: string): Promise<void> {
    await this.write([
      { kind: 'connector', connector, value: null },
      { kind: 'target-state', connector, value: null },
    ]);
  }

  /** The task configs, read back, then the commit that makes them count. */
  async putTaskConfigs(connector: string, configs: readonly StringMap[]): Promise<void> {
    if (configs.length > 0) await this.write(configs.map((value, task) => ({ kind: 'task', id: { connector, task }, value })));
    await this.write([{ kind: 'commit', connector, value: configs.length }]);
  }

  async putTargetState(connector: string, value: TargetState): Promise<void> {
    await this.write([{ kind: 'target-state', connector, value }]);
  }

  async putRestartRequest(request: RestartRequest): Promise<void> {
    await this.write([{ kind: 'restart', connector: request.connector, value: request }]);
  }

  async putLoggerLevel(logger: string, value: string): Promise<void> {
    await this.write([{ kind: 'logger', logger, value }]);
  }

  async putSessionKey(value: SessionKey): Promise<void> {
    await this.write([{ kind: 'session-key', value }]);
  }

  private async write(records: readonly ConfigRecord[]): Promise<void> {
    await this.log.append(
      records.map((record) => {
        const value = encodeConfigValue(record);
        return { key: Buffer.from(encodeConfigKey(record), 'utf8'), value: value === null ? null : Buffer.from(value, 'utf8') };
      }),
    );
    await this.log.readToEnd();
  }

  private take(record: LogRecord): void {
    this.state.offset = record.offset + 1;
    const key = Buffer.from(record.key).toString('utf8');
    const decoded = decodeConfigRecord(key, record.value === null ? null : Buffer.from(record.value).toString('utf8'));
    if (!decoded) {
      this.logger.debug({ key, offset: record.offset }, 'a record of the config topic is of a kind that is not known');
      return;
    }
    const change = this.state.apply(decoded);
    if (change && this.isStarted) this.onChange(change);
  }
}
