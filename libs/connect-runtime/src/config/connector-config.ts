import { ConfigDef } from '@millrace/connect-api';
import { duplicateAlias } from './transformation-config.js';
import { replicationFactor } from './worker-config.js';

const COMMON = 'Common';
const ERRORS = 'Error Handling';

function named(value: string): string | undefined {
  if (value.trim() === '') return 'String may not be empty';
  const controls = [...value].filter((it) => it.charCodeAt(0) < 0x20 || it.charCodeAt(0) === 0x7f);
  return controls.length === 0 ? undefined : 'String may not contain control sequences but had the following ASCII chars: ' + controls.map((it) => it.charCodeAt(0)).join(', ');
}

function regex(value: string): string | undefined {
  try {
    new RegExp(value);
    return undefined;
  } catch {
    return `Invalid regex: ${value}`;
  }
}

/** Ours: how the connector's tasks are looked after; each is the worker's where it is not given. */
const SUPERVISION = {
  'task.stall.timeout.ms': { kind: 'long', default: null, min: 100, importance: 'low', group: COMMON, width: 'short', displayName: 'Task stall timeout', doc: 'A task that neither reads nor writes for this long counts as stalled.' },
  'task.restart.max.attempts': { kind: 'int', default: null, min: 0, importance: 'low', group: COMMON, width: 'short', displayName: 'Task restarts', doc: 'How often a failed task is started again within the window; 0 leaves that to an operator.' },
  'task.restart.backoff.ms': { kind: 'long', default: null, min: 1, importance: 'low', group: COMMON, width: 'short', displayName: 'Task restart backoff', doc: 'Wait before the first restart; it doubles with each one of the window.' },
  'task.restart.backoff.max.ms': { kind: 'long', default: null, min: 1, importance: 'low', group: COMMON, width: 'short', displayName: 'Longest task restart backoff', doc: 'Longest wait before a restart.' },
  'task.restart.window.ms': { kind: 'long', default: null, min: 1, importance: 'low', group: COMMON, width: 'short', displayName: 'Task restart window', doc: 'Restarts that are longer ago do not count any more.' },
} as const;

/** The settings that each connector has besides its own. */
export const CONNECTOR_CONFIG = new ConfigDef({
  name: { kind: 'string', check: named, importance: 'high', group: COMMON, width: 'medium', displayName: 'Connector name', doc: 'Globally unique name to use for this connector.' },
  'connector.class': { kind: 'string', importance: 'high', group: COMMON, width: 'long', displayName: 'Connector class', doc: 'Name or alias of the class for this connector.' },
  'connector.plugin.version': { kind: 'string', default: null, importance: 'medium', group: COMMON, width: 'medium', displayName: 'Connector version', doc: 'Version of the connector, or a range in Maven’s notation such as [1.0,2.0); the newest when not given.' },
  'tasks.max': { kind: 'int', default: '1', min: 1, importance: 'high', group: COMMON, width: 'short', displayName: 'Tasks max', doc: 'Maximum number of tasks to use for this connector.' },
  'tasks.max.enforce': { kind: 'boolean', default: 'true', importance: 'low', group: COMMON, width: 'short', displayName: 'Enforce tasks max', doc: 'Fail a connector that makes more tasks than tasks.max.' },
  'key.converter': { kind: 'class', default: null, importance: 'low', group: COMMON, width: 'short', displayName: 'Key converter class', doc: 'Converter of record keys; the worker’s when not given.' },
  'key.converter.plugin.version': { kind: 'string', default: null, importance: 'low', group: COMMON, width: 'short', displayName: 'Key converter version', doc: 'Version of that converter, or a range of versions; the newest when not given.' },
  'value.converter': { kind: 'class', default: null, importance: 'low', group: COMMON, width: 'short', displayName: 'Value converter class', doc: 'Converter of record values; the worker’s when not given.' },
  'value.converter.plugin.version': { kind: 'string', default: null, importance: 'low', group: COMMON, width: 'short', displayName: 'Value converter version', doc: 'Version of that converter, or a range of versions; the newest when not given.' },
  'header.converter': { kind: 'class', default: null, importance: 'low', group: COMMON, width: 'short', displayName: 'Header converter class', doc: 'Converter of record headers; the worker’s when not given.' },
  'header.converter.plugin.version': { kind: 'string', default: null, importance: 'low', group: COMMON, width: 'short', displayName: 'Header converter version', doc: 'Version of that converter, or a range of versions; the newest when not given.' },
  transforms: { kind: 'list', default: '', check: duplicateAlias, importance: 'low', group: 'Transforms', width: 'long', displayName: 'Transforms', doc: 'Aliases for the transformations to be applied to records.' },
  predicates: { kind: 'list', default: '', check: duplicateAlias, importance: 'low', group: 'Predicates', width: 'long', displayName: 'Predicates', doc: 'Aliases for the predicates used by transformations.' },
  'config.action.reload': { kind: 'string', default: 'restart', oneOf: ['none', 'restart'], importance: 'low', group: COMMON, width: 'medium', displayName: 'Reload Action', doc: 'What happens when values from config providers change.' },
  'errors.retry.timeout': { kind: 'long', default: '0', importance: 'medium', group: ERRORS, width: 'medium', displayName: 'Retry Timeout for Errors', doc: 'How long a failed operation is tried again.' },
  'errors.retry.delay.max.ms': { kind: 'long', default: '60000', importance: 'medium', group: ERRORS, width: 'medium', displayName: 'Maximum Delay Between Retries for Errors', doc: 'Longest wait between two tries.' },
  'errors.tolerance': { kind: 'string', default: 'none', oneOf: ['none', 'all'], importance: 'medium', group: ERRORS, width: 'short', displayName: 'Error Tolerance', doc: 'Whether records with errors are skipped (all) or fail the task (none).' },
  'errors.log.enable': { kind: 'boolean', default: 'false', importance: 'medium', group: ERRORS, width: 'short', displayName: 'Log Errors', doc: 'Log each error and the operation and record at fault.' },
  'errors.log.include.messages': { kind: 'boolean', default: 'false', importance: 'medium', group: ERRORS, width: 'short', displayName: 'Log Error Details', doc: 'Include the record in that log line.' },
  'task.isolation': { kind: 'string', default: null, oneOf: ['thread', 'process', 'inline'], importance: 'low', group: COMMON, width: 'short', displayName: 'Task isolation', doc: 'Where this connector’s tasks run; the worker’s task.isolation when not given.' },
  ...SUPERVISION,
});

const TOPIC_CREATION = 'Topic Creation';

export const SOURCE_CONFIG = CONNECTOR_CONFIG.extend({
  'topic.creation.groups': { kind: 'list', default: '', importance: 'low', group: TOPIC_CREATION, width: 'long', displayName: 'Topic Creation Groups', doc: 'Groups of settings for topics that the connector creates.' },
  'exactly.once.support': { kind: 'string', default: 'requested', oneOf: ['requested', 'required'], ignoreCase: true, importance: 'medium', group: 'Exactly Once Support', width: 'short', displayName: 'Exactly once support', doc: 'Whether exactly-once delivery is required.' },
  'transaction.boundary': { kind: 'string', default: 'poll', oneOf: ['poll', 'interval', 'connector'], ignoreCase: true, onlyDefault: true, importance: 'medium', group: 'Exactly Once Support', width: 'short', displayName: 'Transaction Boundary', doc: 'Where transactions begin and end.' },
  'transaction.boundary.interval.ms': { kind: 'long', default: null, onlyDefault: true, importance: 'low', group: 'Exactly Once Support', width: 'short', displayName: 'Transaction boundary interval', doc: 'Time between transactions.' },
  'offsets.storage.topic': { kind: 'string', default: null, importance: 'low', group: 'offsets.topic', width: 'long', displayName: 'Offsets topic', doc: 'A topic of its own for this connector’s offsets.' },
});

export const SINK_CONFIG = CONNECTOR_CONFIG.extend({
  topics: { kind: 'list', default: '', importance: 'high', group: COMMON, width: 'long', displayName: 'Topics', doc: 'List of topics to consume, separated by commas.' },
  'topics.regex': { kind: 'string', default: '', check: regex, importance: 'high', group: COMMON, width: 'long', displayName: 'Topics regex', doc: 'Regular expression of the topics to consume; only one of topics and topics.regex may be given.' },
  'errors.deadletterqueue.topic.name': { kind: 'string', default: '', importance: 'medium', group: ERRORS, width: 'medium', displayName: 'Dead Letter Queue Topic Name', doc: 'Topic that takes records with errors.' },
  'errors.deadletterqueue.topic.replication.factor': { kind: 'short', default: '3', check: replicationFactor, importance: 'medium', group: ERRORS, width: 'medium', displayName: 'Dead Letter Queue Topic Replication Factor', doc: 'Replication factor with which that topic is created.' },
  'errors.deadletterqueue.context.headers.enable': { kind: 'boolean', default: 'false', importance: 'medium', group: ERRORS, width: 'medium', displayName: 'Enable Error Context Headers', doc: 'Add headers that tell about the error to records in that topic.' },
});
