import type { ConnectorValidator } from '../config/connector-validator.js';
import { invalidConfigMessage } from '../config/config-infos.js';
import type { InternalSignature, RequestOrigin } from '../rest/connect-api.js';
import { inStage } from '../rest/request-budget.js';
import { badRequest, conflict, ConnectRestError, notFound } from '../rest/rest-error.js';
import type { ConfigPatch, ConnectorInfo, ConnectorOffset, ConnectorStateInfo, ConnectorTaskId, CreateConnectorRequest, OffsetsMessage, StringMap } from '../rest/shapes.js';
import type { TargetState } from '../stores/config-records.js';
import type { ConfigStore } from '../stores/config-store.js';
import { exactJson } from '../stores/offset-json.js';
import type { StatusStore } from '../stores/status-store.js';
import type { ConnectorReads } from './connector-reads.js';
import { isSameConfig } from './connector-runner.js';
import type { ForwardCall, Forwarder } from './forwarding.js';
import type { GroupState } from './group-state.js';
import type { LocalWork } from './local-work.js';
import type { OffsetChanges } from './offset-changes.js';
import { restartPlan } from './restart-plan.js';
import type { InternalRequests } from './session-keys.js';

/** How long a write waits for a rebalance to end before it is refused. */
const SETTLE_TIMEOUT_MS = 30_000;
const INITIAL_STATES: Readonly<Record<string, TargetState>> = { RUNNING: 'STARTED', PAUSED: 'PAUSED', STOPPED: 'STOPPED' };

export interface ConnectorWritesOptions {
  readonly configs: ConfigStore;
  readonly statuses: StatusStore;
  readonly group: GroupState;
  readonly work: LocalWork;
  readonly reads: ConnectorReads;
  readonly validator: ConnectorValidator;
  readonly offsets: OffsetChanges;
  readonly forwarder: Forwarder;
  readonly internal: InternalRequests;
  readonly tracksTopics: boolean;
  readonly allowsTopicReset: boolean;
  /** One at a time: what is checked is still so when it is written. */
  readonly exclusively: <T>(step: () => Promise<T>) => Promise<T>;
  /** In line with the other changes of what runs here. */
  readonly onWork: <T>(step: () => Promise<T>) => Promise<T>;
}

/** The verbs that change something: done here when this is the worker for it, passed on otherwise. */
export class ConnectorWrites {
  constructor(private readonly options: ConnectorWritesOptions) {}

  async create(request: CreateConnectorRequest, origin: RequestOrigin): Promise<ConnectorInfo> {
    const name = (request.name ?? '').trim();
    const config = withName(name, request.config);
    const state = request.initial_state === undefined || request.initial_state === null ? undefined : INITIAL_STATES[request.initial_state.toUpperCase()];
    if (request.initial_state && !state) throw badRequest(`Invalid initial_state ${request.initial_state}: RUNNING, PAUSED and STOPPED are known`);
    await this.validate(config);
    return await this.onLeader({ method: 'POST', path: '/connectors', body: JSON.stringify(request) }, origin, async () => {
      const { configs, reads } = this.options;
      if (configs.state.has(name)) throw new ConnectRestError('ALREADY_EXISTS', 409, `Connector ${name} already exists`);
      await configs.putConnector(name, withoutNulls(config), state);
      return reads.info(name);
    });
  }

  async putConfig(name: string, given: ConfigPatch, origin: RequestOrigin): Promise<{ created: boolean; info: ConnectorInfo }> {
    const config = withName(name, given);
    await this.validate(config);
    const existed = this.options.configs.state.has(name);
    const answer = await this.onLeader<ConnectorInfo | { created: boolean; info: ConnectorInfo }>({ method: 'PUT', path: `${pathOf(name)}/config`, body: JSON.stringify(given) }, origin, async () => {
      const { configs, reads } = this.options;
      const created = !configs.state.has(name);
      await configs.putConnector(name, withoutNulls(config));
      return { created, info: reads.info(name) };
    });
    return 'info' in answer ? answer : { created: !existed, info: answer };
  }

  async patchConfig(name: string, patch: ConfigPatch, origin: RequestOrigin): Promise<ConnectorInfo> {
    return await this.onLeader({ method: 'PATCH', path: `${pathOf(name)}/config`, body: JSON.stringify(patch) }, origin, async () => {
      const { configs, reads } = this.options;
      const patched: Record<string, string> = { ...reads.config(name) };
      for (const [key, value] of Object.entries(patch)) {
        if (value === null) delete patched[key];
        else patched[key] = value;
      }
      const config = withName(name, patched);
      await this.validate(config);
      await configs.putConnector(name, withoutNulls(config));
      return reads.info(name);
    });
  }

  async remove(name: string, origin: RequestOrigin): Promise<void> {
    await this.onLeader({ method: 'DELETE', path: pathOf(name) }, origin, async () => {
      this.options.reads.config(name);
      await this.options.configs.removeConnector(name);
    });
  }

  async stop(name: string, origin: RequestOrigin): Promise<void> {
    await this.onLeader({ method: 'PUT', path: `${pathOf(name)}/stop` }, origin, async () => {
      const { configs } = this.options;
      if (!configs.state.has(name)) throw notFound(`Unknown connector ${name}`);
      await configs.putTaskConfigs(name, []);
      await configs.putTargetState(name, 'STOPPED');
    });
  }

  async setTarget(name: string, state: 'PAUSED' | 'STARTED'): Promise<void> {
    const { configs } = this.options;
    if (!configs.state.has(name)) throw notFound(`Unknown connector ${name}`);
    await configs.putTargetState(name, state);
  }

  async restart(name: string, choice: { includeTasks: boolean; onlyFailed: boolean }, origin: RequestOrigin): Promise<ConnectorStateInfo | undefined> {
    const query = { includeTasks: String(choice.includeTasks), onlyFailed: String(choice.onlyFailed) };
    const call: ForwardCall = { method: 'POST', path: `${pathOf(name)}/restart`, query };
    if (!choice.includeTasks && !choice.onlyFailed) {
      await this.onOwner(call, origin, (group) => (group.assigned.connectors.has(name) ? undefined : group.view?.connectorOwner(name)), {
        check: () => this.checkKnown(name),
        isHere: (group) => group.assigned.connectors.has(name),
        act: () => this.options.work.restartConnector(name),
      });
      return undefined;
    }
    return await this.onLeader(call, origin, async () => {
      const { configs, statuses, reads } = this.options;
      this.checkKnown(name);
      const request = { connector: name, ...choice };
      const plan = restartPlan(request, statuses.state, reads.type(configs.state.config(name)));
      if (!plan) throw notFound(`Status for connector ${name} not found`);
      await configs.putRestartRequest(request);
      return plan.info;
    });
  }

  async restartTask(id: ConnectorTaskId, origin: RequestOrigin): Promise<void> {
    const isAssigned = (group: GroupState): boolean => group.assigned.tasks.has(`${id.connector}-${id.task}`);
    await this.onOwner({ method: 'POST', path: `${pathOf(id.connector)}/tasks/${id.task}/restart` }, origin, (group) => group.view?.taskOwner(id), {
      check: () => {
        this.checkKnown(id.connector);
        if (id.task >= this.options.configs.state.taskCount(id.connector)) throw notFound(`Unknown task: ${id.connector}-${id.task}`);
      },
      isHere: isAssigned,
      act: () => this.options.onWork(() => this.options.work.restartTask(id)),
    });
  }

  /** From a connector on another worker: its task configs, signed. */
  async putTaskConfigs(name: string, body: string, signature: InternalSignature, origin: RequestOrigin): Promise<void> {
    this.options.internal.verify(body, signature);
    let configs: StringMap[];
    try {
      configs = JSON.parse(body) as StringMap[];
    } catch {
      throw badRequest('The body is not a list of task configs');
    }
    if (!Array.isArray(configs)) throw badRequest('The body is not a list of task configs');
    await this.publishTasks(name, configs, origin);
  }

  async fence(name: string, body: string, signature: InternalSignature, origin: RequestOrigin): Promise<void> {
    this.options.internal.verify(body, signature);
    const headers = this.options.internal.headers(body);
    await this.onLeader<void>({ method: 'PUT', path: `${pathOf(name)}/fence`, headers, ...(body === '' ? {} : { body }) }, origin, () => {
      const { configs, reads } = this.options;
      const config = configs.state.config(name);
      if (!config) throw notFound(`Connector ${name} not found`);
      if (reads.type(config) === 'sink') throw badRequest(`Connector ${name} is not a source connector`);
      throw new ConnectRestError('INTERNAL', 500, 'This worker does not support exactly-once delivery of source connectors (exactly.once.source.support is disabled): it cannot fence out zombie tasks');
    });
  }

  async setLoggerLevel(logger: string, level: string): Promise<void> {
    await inStage(`writing the level of logger ${logger} to the config topic`, () => this.options.configs.putLoggerLevel(logger, level));
  }

  /** Stores the task configs when they, or the config they were made for, differ from what is stored; on the leader. */
  async publishTasks(name: string, configs: readonly StringMap[], origin: RequestOrigin = {}): Promise<void> {
    if (!this.isNews(name, configs)) return;
    const body = JSON.stringify(configs);
    await this.onLeader({ method: 'POST', path: `${pathOf(name)}/tasks`, body, headers: this.options.internal.headers(body) }, origin, async () => {
      const { state } = this.options.configs;
      if (!state.has(name)) throw notFound(`Connector ${name} not found`);
      if (state.targetState(name) === 'STOPPED' && configs.length > 0) throw badRequest(`Cannot submit non-empty set of task configs for stopped connector ${name}`);
      if (this.isNews(name, configs)) await this.options.configs.putTaskConfigs(name, configs);
    });
  }

  async alterOffsets(name: string, offsets: readonly ConnectorOffset[], origin: RequestOrigin): Promise<OffsetsMessage> {
    if (offsets.length === 0) throw badRequest('Partitions / offsets need to be provided for an alter offsets request');
    return await this.changeOffsets({ method: 'PATCH', path: `${pathOf(name)}/offsets`, body: exactJson({ offsets }) }, name, offsets, origin);
  }

  async resetOffsets(name: string, origin: RequestOrigin): Promise<OffsetsMessage> {
    return await this.changeOffsets({ method: 'DELETE', path: `${pathOf(name)}/offsets` }, name, undefined, origin);
  }

  /** The change itself is not in line with other writes: the connector has a say in it, and may take long. */
  private async changeOffsets(call: ForwardCall, name: string, offsets: readonly ConnectorOffset[] | undefined, origin: RequestOrigin): Promise<OffsetsMessage> {
    const answer = await this.onLeader<OffsetsMessage | undefined>(call, origin, async () => {
      await this.options.configs.readToEnd();
      this.options.offsets.checkStopped(name);
      return undefined;
    });
    return answer ?? (await inStage(`modifying offsets for connector ${name}`, () => this.options.offsets.change(name, offsets)));
  }

  async resetTopics(name: string): Promise<void> {
    const { tracksTopics, allowsTopicReset, statuses } = this.options;
    if (!tracksTopics) throw new ConnectRestError('FORBIDDEN', 403, 'Topic tracking is disabled.');
    if (!allowsTopicReset) throw new ConnectRestError('FORBIDDEN', 403, 'Topic tracking reset is disabled.');
    for (const topic of statuses.state.topicsOf(name)) statuses.put({ kind: 'topic', connector: name, topic, value: null });
    await statuses.flush();
  }

  private isNews(name: string, configs: readonly StringMap[]): boolean {
    const { state } = this.options.configs;
    const config = state.config(name);
    const applied = state.appliedConfig(name);
    if (!config || !applied || state.isInconsistent(name) || !isSameConfig(config, applied)) return true;
    return configs.length !== state.taskCount(name) || configs.some((it, task) => !isSameConfig(it, state.taskConfig({ connector: name, task }) ?? {}));
  }

  private checkKnown(name: string): void {
    if (!this.options.configs.state.has(name)) throw notFound(`Unknown connector: ${name}`);
  }

  private async validate(config: ConfigPatch): Promise<void> {
    const infos = await inStage(`validating the config of connector ${config.name ?? ''}`, () => this.options.validator.validate(config));
    if (infos.error_count > 0) throw badRequest(invalidConfigMessage(infos));
  }

  private async onLeader<T>(call: ForwardCall, origin: RequestOrigin, act: () => Promise<T>): Promise<T> {
    await this.settle();
    const { group, forwarder, configs, exclusively } = this.options;
    if (group.isLeader) return await inStage('waiting for other changes of configs to end', () => exclusively(() => inStage(`reading or writing the config topic for ${call.method} ${call.path}`, act)));
    const answer = (await inStage(`forwarding the request to the leader of the cluster, ${group.leaderUrl ?? 'not known'}`, () => forwarder.send(group.leaderUrl, call, origin))) as T;
    await inStage('reading to the end of the config topic', () => configs.readToEnd());
    return answer;
  }

  private async onOwner(
    call: ForwardCall,
    origin: RequestOrigin,
    ownerUrl: (group: GroupState) => string | undefined,
    here: { check: () => void; isHere: (group: GroupState) => boolean; act: () => Promise<void> },
  ): Promise<void> {
    await this.settle();
    here.check();
    const { group } = this.options;
    if (here.isHere(group)) return await inStage(`carrying out ${call.method} ${call.path}`, here.act);
    const url = group.isLeader ? ownerUrl(group) : group.leaderUrl;
    await inStage(`forwarding the request to ${url ?? 'a worker that is not known'}`, () => this.options.forwarder.send(url, call, origin));
  }

  private async settle(): Promise<void> {
    if (!(await inStage('ensuring membership in the cluster', () => this.options.group.settled(SETTLE_TIMEOUT_MS)))) throw conflict('Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)');
  }
}

/** The config with its name in it; a different name in it is refused. */
function withName(name: string, config: ConfigPatch): ConfigPatch {
  const included = config.name;
  if (included === undefined || included === null) return { ...config, name };
  if (included !== name) throw badRequest(`Connector name configuration (${included}) doesn't match connector name in the URL (${name})`);
  return config;
}

/** What is stored: a null that has passed validation stands for a setting that is not given. */
function withoutNulls(config: ConfigPatch): StringMap {
  return Object.fromEntries(Object.entries(config).filter((it): it is [string, string] => it[1] !== null));
}

function pathOf(name: string): string {
  return `/connectors/${encodeURIComponent(name)}`;
}

