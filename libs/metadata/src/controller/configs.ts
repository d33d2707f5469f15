import {
  ErrorCode,
  type AlterConfigsRequest,
  type AlterConfigsResponseInput,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponseInput,
  type MetadataRecord,
} from '@millrace/protocol';
import { parseConfigValue, splitList, type ConfigKey } from '../config/config-key.js';
import { CONFIG_RESOURCE_TYPES, configResourceKey, configResourceTypeOf, type ConfigResourceType } from '../config/config-resource.js';
import { effectiveTopicConfig } from '../config/effective-config.js';
import { CORDONED_LOG_DIRS, PER_BROKER_CONFIGS, topicConfigKey } from '../config/topic-configs.js';
import { topicConfigProblem } from '../config/validate-configs.js';
import { hasCordonedDirectories } from '../features.js';
import { topicNameProblem } from '../topic-name.js';
import { hasEligibleReplicas } from './topic-rules.js';
import { brokerLayers } from './broker-layers.js';
import { attempt, isTooMuch, refuse, TOO_MUCH, type ControllerResult, type ControllerView } from './controller-result.js';

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

const MIN_IN_SYNC_REPLICAS = 'min.insync.replicas';
const VALUE_LENGTH_MAX = 32767;

interface Resource {
  readonly type: ConfigResourceType;
  readonly name: string;
}

/** How a request came to the controller. */
export interface ConfigsAskedBy {
  /** By the broker that was asked: it has checked what only it knows. */
  readonly isForwarded: boolean;
}

export function incrementalAlterConfigs(view: ControllerView, request: IncrementalAlterConfigsRequest, by: ConfigsAskedBy): ControllerResult<IncrementalAlterConfigsResponseInput> {
  const records: MetadataRecord[] = [];
  const responses = request.resources.map(({ resourceType, resourceName, configs }) => {
    const result = attempt(() => {
      const resource = checkResource(view, resourceType, resourceName, request.resources);
      checkKeys(configs);
      const nulls = configs.filter((it) => it.configOperation !== DELETE && it.value === null).map((it) => it.name);
      if (nulls.length > 0) refuse(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${nulls.join(',')}`);
      const current = view.image.configs(resource.type, resource.name);
      const next = new Map(current);
      for (const it of configs) applyOperation(view, resource, next, it);
      return changesOf(view, resource, { current, next, names: configs.map((it) => it.name) }, by);
    });
    return answered(resourceType, resourceName, result, records);
  });
  return altered(view, records, responses, request.validateOnly);
}

/** The older form: what is not named goes back to its default. */
export function alterConfigs(view: ControllerView, request: AlterConfigsRequest, by: ConfigsAskedBy): ControllerResult<AlterConfigsResponseInput> {
  const records: MetadataRecord[] = [];
  const responses = request.resources.map(({ resourceType, resourceName, configs }) => {
    const result = attempt(() => {
      const resource = checkResource(view, resourceType, resourceName, request.resources);
      checkKeys(configs);
      const nulls = configs.filter((it) => it.value === null).map((it) => it.name);
      if (nulls.length > 0) refuse(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${nulls.join(',')}`);
      const current = view.image.configs(resource.type, resource.name);
      const next = new Map(configs.map((it) => [it.name, it.value ?? '']));
      return changesOf(view, resource, { current, next, names: [...new Set([...next.keys(), ...current.keys()])] }, by);
    });
    return answered(resourceType, resourceName, result, records);
  });
  return altered(view, records, responses, request.validateOnly);
}

function altered(view: ControllerView, records: MetadataRecord[], responses: AlterConfigsResponseInput.Topic[], isValidation: boolean): ControllerResult<{ responses: AlterConfigsResponseInput.Topic[] }> {
  if (isValidation) return { records: [], response: { responses } };
  const all = [...records, ...forgottenEligibleReplicas(view, records)];
  if (isTooMuch(all)) return { records: [], response: { responses: responses.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, ...TOO_MUCH })) } };
  return { records: all, response: { responses }, isAtomic: true };
}

/** Who was eligible to lead under another min.insync.replicas may lack what was acknowledged under this one. */
function forgottenEligibleReplicas(view: ControllerView, records: readonly MetadataRecord[]): MetadataRecord[] {
  if (!hasEligibleReplicas(view)) return [];
  return records.flatMap((it): MetadataRecord[] => {
    if (it.type !== 'ConfigRecord' || it.record.name !== MIN_IN_SYNC_REPLICAS) return [];
    return [{ type: 'ClearElrRecord', version: 0, record: { topicName: it.record.resourceType === CONFIG_RESOURCE_TYPES.TOPIC ? it.record.resourceName : '' } }];
  });
}

function answered(resourceType: number, resourceName: string, result: ReturnType<typeof attempt<MetadataRecord[]>>, records: MetadataRecord[]): AlterConfigsResponseInput.Topic {
  if ('error' in result) return { resourceType, resourceName, ...result.error };
  records.push(...result.value);
  return { resourceType, resourceName, errorCode: ErrorCode.NONE, errorMessage: null };
}

function checkResource(view: ControllerView, typeCode: number, name: string, all: readonly { readonly resourceType: number; readonly resourceName: string }[]): Resource {
  const type = configResourceTypeOf(typeCode);
  if (type !== 'TOPIC' && type !== 'BROKER') refuse(ErrorCode.INVALID_REQUEST, `Unknown resource type ${type ?? typeCode}`);
  const key = configResourceKey(type, name);
  if (all.filter((it) => it.resourceType === typeCode && it.resourceName === name).length > 1) refuse(ErrorCode.INVALID_REQUEST, `Each resource must appear at most once: ${key}`);
  if (type === 'TOPIC') {
    const problem = topicNameProblem(name);
    if (problem !== null) refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
    if (view.image.topic(name) === undefined) refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
  } else if (name !== '') {
    if (!/^-?\d+$/.test(name)) refuse(ErrorCode.INVALID_REQUEST, 'Unable to parse broker name as a base 10 number.');
    if (Number(name) < 0) refuse(ErrorCode.INVALID_REQUEST, 'Invalid negative broker ID.');
    if (view.image.broker(Number(name)) === undefined) refuse(ErrorCode.BROKER_ID_NOT_REGISTERED, `No broker with id ${name} found.`);
  }
  return { type, name };
}

function checkKeys(configs: readonly { readonly name: string }[]): void {
  if (new Set(configs.map((it) => it.name)).size < configs.length) refuse(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys');
}

function keyOf(view: ControllerView, resource: Resource, name: string): ConfigKey | undefined {
  return resource.type === 'TOPIC' ? topicConfigKey(name) : view.config.dynamicBrokerConfigs.find((it) => it.name === name);
}

function applyOperation(view: ControllerView, resource: Resource, next: Map<string, string>, config: IncrementalAlterConfigsRequest.Config): void {
  const { name } = config;
  const value = config.value ?? '';
  switch (config.configOperation) {
    case SET:
      next.set(name, value);
      return;
    case DELETE:
      next.delete(name);
      return;
    case APPEND:
    case SUBTRACT: {
      const isAppend = config.configOperation === APPEND;
      if (keyOf(view, resource, name)?.type !== 'LIST') refuse(ErrorCode.INVALID_CONFIG, `Can't ${isAppend ? 'APPEND' : 'SUBTRACT'} to key ${name} because its type is not LIST.`);
      const parts = splitList(next.get(name) ?? inherited(view, resource, name));
      const given = splitList(value);
      next.set(name, (isAppend ? [...new Set([...parts, ...given])] : parts.filter((it) => !given.includes(it))).join(','));
      return;
    }
    default:
      refuse(ErrorCode.INVALID_REQUEST, `Unknown operation type id ${config.configOperation}`);
  }
}

function inherited(view: ControllerView, resource: Resource, name: string): string {
  const key = resource.type === 'TOPIC' ? topicConfigKey(name) : undefined;
  if (key !== undefined) return effectiveTopicConfig(key, new Map(), brokerLayers(view, -1)).value ?? '';
  // The paths of this node are not those of another.
  if (name === CORDONED_LOG_DIRS) return '';
  return view.config.staticBrokerConfigs.get(name) ?? keyOf(view, resource, name)?.defaultValue ?? '';
}

/** The settings of a resource before and after, and which of them were named. */
interface ConfigsChange {
  readonly current: ReadonlyMap<string, string>;
  readonly next: ReadonlyMap<string, string>;
  readonly names: readonly string[];
}

/** Which directories a broker has only it knows: without it some may be uncordoned, and none cordoned. */
function checkCordoned(view: ControllerView, { current, next }: ConfigsChange, { isForwarded }: ConfigsAskedBy): void {
  if (!hasCordonedDirectories(view.image.featureLevels)) refuse(ErrorCode.INVALID_CONFIG, 'The cordoned.log.dirs configuration value cannot be set because it requires metadata.version >= 4.3-IV0');
  const known = splitList(current.get(CORDONED_LOG_DIRS) ?? '');
  if (!isForwarded && !splitList(next.get(CORDONED_LOG_DIRS) ?? '').every((it) => known.includes(it))) {
    refuse(ErrorCode.INVALID_CONFIG, 'When updating cordoned.log.dirs via controllers,  the new value must be a subset of the current configuration value.');
  }
}

/** The records for what differs, once the whole of it is found valid. */
function changesOf(view: ControllerView, resource: Resource, change: ConfigsChange, by: ConfigsAskedBy): MetadataRecord[] {
  const { current, next, names } = change;
  const changed = names.filter((name) => current.get(name) !== next.get(name));
  if (resource.type === 'BROKER' && changed.includes(MIN_IN_SYNC_REPLICAS) && hasEligibleReplicas(view)) {
    if (resource.name !== '') refuse(ErrorCode.INVALID_CONFIG, 'Broker-level min.insync.replicas cannot be altered while ELR is enabled.');
    if (!next.has(MIN_IN_SYNC_REPLICAS)) refuse(ErrorCode.INVALID_CONFIG, 'Cluster-level min.insync.replicas cannot be removed while ELR is enabled.');
  }
  if (resource.type === 'BROKER' && names.includes(CORDONED_LOG_DIRS) && (resource.name !== '' || !next.has(CORDONED_LOG_DIRS))) checkCordoned(view, change, by);
  if (changed.some((name) => (next.get(name)?.length ?? 0) > VALUE_LENGTH_MAX)) {
    refuse(ErrorCode.INVALID_CONFIG, `The configuration value cannot be added because it exceeds the maximum value size of ${VALUE_LENGTH_MAX} bytes.`);
  }
  const problem = resource.type === 'TOPIC' ? topicConfigProblem(next) : brokerConfigProblem(view, resource, next, names);
  if (problem !== null) refuse(resource.type === 'TOPIC' ? ErrorCode.INVALID_CONFIG : ErrorCode.INVALID_REQUEST, problem);
  return changed.map((name) => ({ type: 'ConfigRecord', version: 0, record: { resourceType: CONFIG_RESOURCE_TYPES[resource.type], resourceName: resource.name, name, value: next.get(name) ?? null } }));
}

function brokerConfigProblem(view: ControllerView, resource: Resource, next: ReadonlyMap<string, string>, names: readonly string[]): string | null {
  const fixed = names.filter((name) => next.has(name) && !view.config.dynamicBrokerConfigs.some((it) => it.name === name));
  if (fixed.length > 0) return `Cannot update these configs dynamically: [${fixed.join(', ')}]`;
  const perBroker = resource.name === '' ? names.filter((name) => next.has(name) && PER_BROKER_CONFIGS.has(name)) : [];
  if (perBroker.length > 0) return `Cannot update these configs at default cluster level, broker id must be specified: [${perBroker.join(', ')}]`;
  for (const name of names) {
    const key = view.config.dynamicBrokerConfigs.find((it) => it.name === name);
    const value = next.get(name);
    if (key === undefined || value === undefined) continue;
    const result = parseConfigValue(key, value);
    if ('problem' in result) return result.problem;
  }
  return null;
}
