import { DescribeConfigs, ErrorCode, IncrementalAlterConfigs, ProtocolError } from '@millrace/protocol';
import type { KafkaClient } from '../cluster/kafka-client.js';
import { errorOf, type Outcome } from './outcome.js';

const RESOURCE_TYPES = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const;
const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3 } as const;
const SOURCES = ['unknown', 'topic', 'dynamicBroker', 'dynamicDefaultBroker', 'staticBroker', 'default', 'dynamicBrokerLogger', 'clientMetrics', 'group'] as const;
const VALUE_TYPES = ['unknown', 'boolean', 'string', 'int', 'short', 'long', 'double', 'list', 'class', 'password'] as const;

export interface ConfigResource {
  readonly type: keyof typeof RESOURCE_TYPES;
  /** A topic, a group, or a broker's id; '' with type broker: the cluster-wide default. */
  readonly name: string;
}

export interface ConfigEntry {
  readonly name: string;
  /** Null for a secret. */
  readonly value: string | null;
  readonly source: (typeof SOURCES)[number];
  readonly type: (typeof VALUE_TYPES)[number];
  readonly isDefault: boolean;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  readonly documentation: string | null;
}

export interface ConfigDescription extends ConfigResource, Outcome {
  readonly entries: readonly ConfigEntry[];
}

export interface ConfigAlteration extends ConfigResource {
  readonly changes: readonly { readonly name: string; readonly operation?: keyof typeof OPERATIONS; readonly value?: string }[];
}

/** One description for each resource, in their order. */
export async function describeConfigs(client: KafkaClient, resources: readonly (ConfigResource & { readonly keys?: readonly string[] })[], options: { readonly withDocumentation?: boolean }): Promise<ConfigDescription[]> {
  return byResponder(client, resources, async (nodeId, group) => {
    const input = (version: number): Parameters<typeof DescribeConfigs.request.encode>[1] => ({
      resources: group.map((it) => ({ resourceType: RESOURCE_TYPES[it.type], resourceName: it.name, configurationKeys: it.keys === undefined ? null : [...it.keys] })),
      ...(version >= 3 ? { includeDocumentation: options.withDocumentation ?? false } : {}),
    });
    const { results } = await (nodeId === undefined ? client.requestAny(DescribeConfigs, input) : client.request(nodeId, DescribeConfigs, input));
    return group.map(({ type, name }) => {
      const result = results.find((it) => it.resourceType === RESOURCE_TYPES[type] && it.resourceName === name);
      if (result === undefined) return { type, name, error: unanswered(), entries: [] };
      const entries = result.configs.map((it) => ({
        name: it.name,
        value: it.value,
        source: SOURCES[it.configSource] ?? ('unknown' as const),
        type: VALUE_TYPES[it.configType] ?? ('unknown' as const),
        isDefault: SOURCES[it.configSource] === 'default',
        isReadOnly: it.readOnly,
        isSensitive: it.isSensitive,
        documentation: it.documentation,
      }));
      return { type, name, error: errorOf(result.errorCode, result.errorMessage), entries };
    });
  });
}

/** Changes single keys, leaves the others. */
export async function alterConfigs(client: KafkaClient, alterations: readonly ConfigAlteration[], options: { readonly validateOnly?: boolean }): Promise<(ConfigResource & Outcome)[]> {
  return byResponder(client, alterations, async (nodeId, group) => {
    const input = (): Parameters<typeof IncrementalAlterConfigs.request.encode>[1] => ({
      resources: group.map((it) => ({
        resourceType: RESOURCE_TYPES[it.type],
        resourceName: it.name,
        configs: it.changes.map((change) => ({ name: change.name, configOperation: OPERATIONS[change.operation ?? 'set'], value: change.value ?? null })),
      })),
      validateOnly: options.validateOnly ?? false,
    });
    const { responses } = await (nodeId === undefined ? client.requestController(IncrementalAlterConfigs, input) : client.request(nodeId, IncrementalAlterConfigs, input));
    return group.map(({ type, name }) => {
      const result = responses.find((it) => it.resourceType === RESOURCE_TYPES[type] && it.resourceName === name);
      return { type, name, error: result === undefined ? unanswered() : errorOf(result.errorCode, result.errorMessage) };
    });
  });
}

/** What belongs to one broker is asked of that broker. */
async function byResponder<R extends ConfigResource, T extends ConfigResource>(client: KafkaClient, resources: readonly R[], ask: (nodeId: number | undefined, group: readonly R[]) => Promise<T[]>): Promise<T[]> {
  const groups = new Map<number | undefined, R[]>();
  for (const it of resources) {
    const nodeId = (it.type === 'broker' || it.type === 'brokerLogger') && it.name !== '' ? Number(it.name) : undefined;
    const group = groups.get(nodeId);
    if (group === undefined) groups.set(nodeId, [it]);
    else group.push(it);
  }
  if ([...groups.keys()].some((it) => it !== undefined && !client.metadata.brokers.has(it))) await client.refreshMetadata();
  const answers = (await Promise.all([...groups].map(([nodeId, group]) => client.retrying(() => ask(nodeId, group))))).flat();
  return resources.flatMap(({ type, name }) => answers.filter((it) => it.type === type && it.name === name));
}

function unanswered(): ProtocolError {
  return new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, 'The broker did not answer for this resource');
}
