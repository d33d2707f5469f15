import type { OffsetMap } from '@millrace/connect-api';
import { errorMessage, hasCode, type Logger } from '@millrace/foundation';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import { badRequest, ConnectRestError, notFound } from '../rest/rest-error.js';
import type { ConnectorOffset, OffsetsMessage, StringMap } from '../rest/shapes.js';
import type { ResolvedConfig } from '../config-providers/config-providers.js';
import type { ConfigState } from '../stores/config-state.js';
import { decodeOffsetMap, encodeOffsetKey, encodeOffsetMap } from '../stores/offset-json.js';
import type { OffsetLease, SourceOffsetStores } from '../stores/source-offset-stores.js';
import { LATE, pauseFor, within } from '../waiting.js';
import type { Planning } from './planning-calls.js';
import { sinkOffsetsOf, type SinkGroups, type SinkOffset } from './sink-groups.js';
import type { TaskSpecs } from './task-specs.js';

const BUDGET_MS = 90_000;
const RETRY_MS = 200;

export interface OffsetChangesOptions {
  readonly configs: ConfigState;
  /** Puts the values of config providers in their places. */
  readonly resolve: (config: StringMap) => ResolvedConfig;
  readonly specs: TaskSpecs;
  readonly stores: SourceOffsetStores;
  readonly sinkGroups: SinkGroups;
  readonly planning: Planning;
  /** How long the tasks of a sink that has just been stopped may still be in its group. */
  readonly leavingMs: number;
  readonly logger: Logger;
}

/** Offsets of connectors from the outside (KIP-875): reads by any worker, changes by the leader for connectors that are stopped. */
export class OffsetChanges {
  constructor(private readonly options: OffsetChangesOptions) {}

  async read(name: string, stored: StringMap, isSink: boolean): Promise<ConnectorOffset[]> {
    const { config } = this.options.resolve(stored);
    const { specs, sinkGroups } = this.options;
    if (isSink) return await sinkGroups.committed(specs.sinkGroup(name, config));
    return await this.withOffsets(name, config, async (lease) => (await lease.all(name)).map(({ partition, offset }) => ({ partition, offset })));
  }

  /** Throws 404, and 400 for a connector that is not stopped. */
  checkStopped(name: string): void {
    const { configs } = this.options;
    if (!configs.has(name)) throw notFound(`Connector ${name} not found`);
    if (configs.targetState(name) === 'STOPPED' && configs.taskCount(name) === 0) return;
    throw badRequest(`Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/${name}/stop' endpoint`);
  }

  /** `offsets` undefined: all of them are forgotten. */
  async change(name: string, offsets: readonly ConnectorOffset[] | undefined): Promise<OffsetsMessage> {
    const { configs, specs, logger } = this.options;
    const { config, secrets } = this.options.resolve(configs.config(name) ?? {});
    const plugin = specs.connectorPlugin(config);
    const kind = plugin.type === 'sink' ? 'sink' : 'source';
    try {
      const change = plugin.type === 'sink' ? this.changeSink(name, config, plugin, offsets) : this.changeSource(name, config, plugin, offsets);
      const isWhole = await within(BUDGET_MS, change);
      if (isWhole === LATE) throw new ConnectRestError('TIMEOUT', 500, `Timed out while modifying offsets for ${kind} connector ${name}`);
      return messageOf(isWhole, offsets === undefined ? 'reset' : 'altered');
    } catch (error) {
      if (error instanceof ConnectRestError) throw error;
      logger.error({ connector: name, error: secrets.hide(errorMessage(error)) }, 'offsets could not be modified');
      if (hasCode(error, 'CONNECT_CONFIG')) throw badRequest(secrets.hide(errorMessage(error)));
      const isOfConnector = error instanceof Error && 'code' in error && String(error.code).startsWith('CONNECT_');
      throw new ConnectRestError('INTERNAL', 500, isOfConnector ? secrets.hide(error.message) : `Failed to modify offsets for ${kind} connector ${name}`, { cause: error });
    }
  }

  private async changeSource(name: string, config: StringMap, plugin: PluginDescriptor, given: readonly ConnectorOffset[] | undefined): Promise<boolean> {
    return await this.withOffsets(name, config, async (lease) => {
      const stored = await lease.all(name);
      const changes =
        given === undefined
          ? stored.map(({ key, partition }) => ({ key, partition, offset: null }))
          : given.map(({ partition, offset }) => {
              const map = offsetMapOf(partition ?? {});
              const known = stored.find((it) => isSameMap(it.partition, map));
              return { key: known?.key ?? encodeOffsetKey(name, map), partition: known?.partition ?? map, offset: offset === null ? null : offsetMapOf(offset) };
            });
      const isWhole = await this.options.planning.alterSourceOffsets(plugin, config, new Map(changes.map((it) => [it.partition, it.offset])));
      if (changes.length > 0) await lease.write(changes.map(({ key, offset }) => ({ key, value: offset === null ? null : encodeOffsetMap(offset) })));
      return isWhole;
    });
  }

  private async changeSink(name: string, config: StringMap, plugin: PluginDescriptor, given: readonly ConnectorOffset[] | undefined): Promise<boolean> {
    const { specs, sinkGroups, planning } = this.options;
    const group = specs.sinkGroup(name, config);
    const offsets = given === undefined ? (await sinkGroups.committed(group)).map((it): SinkOffset => ({ topic: String(it.partition?.kafka_topic), partition: Number(it.partition?.kafka_partition), offset: null })) : sinkOffsetsOf(given);
    const isWhole = await planning.alterSinkOffsets(plugin, config, new Map(offsets.map((it) => [`${it.topic}-${it.partition}`, it.offset])));
    const verb = given === undefined ? 'reset' : 'alter';
    await this.onceEmpty(name, verb, () => (given === undefined ? sinkGroups.remove(group) : sinkGroups.alter(group, offsets)));
    return isWhole;
  }

  /** The tasks of a connector that has just been stopped take a moment to leave. */
  private async onceEmpty(name: string, verb: 'alter' | 'reset', act: () => Promise<void>): Promise<void> {
    const end = performance.now() + this.options.leavingMs;
    for (;;) {
      try {
        return await act();
      } catch (error) {
        const hasMembers = ['KAFKA_UNKNOWN_MEMBER_ID', 'KAFKA_GROUP_SUBSCRIBED_TO_TOPIC', 'KAFKA_NON_EMPTY_GROUP'].some((it) => hasCode(error, it));
        if (!hasMembers) throw new ConnectRestError('INTERNAL', 500, `Failed to ${verb} consumer group offsets for ${verb === 'reset' ? 'sink ' : ''}connector ${name}`, { cause: error });
        if (performance.now() < end) {
          await pauseFor(RETRY_MS);
          continue;
        }
        const text = `Failed to ${verb} consumer group offsets for connector ${name} either because its tasks haven't stopped completely yet or the connector was resumed before the request to ${verb} its offsets could be successfully completed. If the connector is in a stopped state, this operation can be safely retried. If it doesn't eventually succeed, the Connect cluster may need to be restarted to get rid of the zombie sink tasks.`;
        throw new ConnectRestError('INTERNAL', 500, text, { cause: error });
      }
    }
  }

  private async withOffsets<T>(name: string, config: StringMap, use: (lease: OffsetLease) => Promise<T>): Promise<T> {
    const lease = this.options.stores.lease(this.options.specs.ownOffsetTopic(name, config));
    try {
      return await use(lease);
    } finally {
      await lease.release();
    }
  }
}

function messageOf(isWhole: boolean, verb: 'altered' | 'reset'): OffsetsMessage {
  if (isWhole) return { message: `The offsets for this connector have been ${verb} successfully` };
  return {
    message: `The Connect framework-managed offsets for this connector have been ${verb} successfully. However, if this connector manages offsets externally, they will need to be manually ${verb} in the system that the connector uses.`,
  };
}

/** As it will be read back. Throws for what an offset cannot hold. */
function offsetMapOf(map: Readonly<Record<string, unknown>>): OffsetMap {
  for (const [name, value] of Object.entries(map)) {
    if (typeof value === 'object' && value !== null) throw new ConnectRestError('INTERNAL', 500, `Offsets may only contain primitive types as values, but field ${name} contains ${Array.isArray(value) ? 'ARRAY' : 'MAP'}`);
  }
  return decodeOffsetMap(encodeOffsetMap(map as OffsetMap)) ?? {};
}

/** Whatever the order of the members: a client need not know it. */
function isSameMap(a: OffsetMap, b: OffsetMap): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && a[key] === b[key]);
}
