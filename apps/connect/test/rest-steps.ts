import type { RestStep } from './rest-conversation.js';

/** The file that the source reads, in the folder where each worker runs. */
export const INPUT = { name: 'in.txt', text: 'one\ntwo\n' };

const SOURCE = { 'connector.class': 'FileStreamSource', topic: 'rest-lines', file: INPUT.name, 'key.converter': 'org.apache.kafka.connect.storage.StringConverter', 'value.converter': 'org.apache.kafka.connect.storage.StringConverter' };
const SINK = { 'connector.class': 'FileStreamSink', topics: 'rest-lines', file: 'out.txt', 'key.converter': 'org.apache.kafka.connect.storage.StringConverter', 'value.converter': 'org.apache.kafka.connect.storage.StringConverter' };
/** A name that needs percent-encoding, with space, umlaut and question mark. */
const NAME = ' a ö?';
const PATH = '/connectors/a%20%C3%B6%3F';

interface Status {
  connector?: { state: string };
  tasks?: { state: string }[];
}

function hasTasks(state: string): (body: unknown) => boolean {
  return (body) => {
    const { connector, tasks = [] } = body as Status;
    return connector?.state === state && tasks.length > 0 && tasks.every((it) => it.state === state);
  };
}

function isStopped(body: unknown): boolean {
  const { connector, tasks } = body as Status;
  return connector?.state === 'STOPPED' && tasks?.length === 0;
}

function isUnknown(body: unknown): boolean {
  return (body as { error_code?: number }).error_code === 404;
}

/** A worker that reads the order from the log sets the level before it notes when. */
function isSetToTrace(body: unknown): boolean {
  const { level, last_modified: lastModified } = body as { level?: string; last_modified?: unknown };
  return level === 'TRACE' && lastModified !== null;
}

function step(name: string, method: string, path: string, more: Partial<RestStep> = {}): RestStep {
  return { name, method, path, ...more };
}

export const ROOT_STEPS: readonly RestStep[] = [
  step('root', 'GET', '/'),
  step('root, refused method', 'POST', '/'),
  step('health', 'GET', '/health', { until: (body) => (body as { status?: string }).status === 'healthy' }),
  step('health, refused method', 'PUT', '/health', { body: {} }),
  step('unknown path', 'GET', '/nothing'),
  step('unknown path, other method', 'DELETE', '/nothing/at/all'),
  step('a prefix of known paths', 'GET', '/admin'),
  step('a path in capitals', 'GET', '/Connectors'),
  step('answer as text', 'GET', '/', { headers: { accept: 'text/plain' } }),
  step('answer as a browser asks', 'GET', '/', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } }),
];

export const EMPTY_STEPS: readonly RestStep[] = [
  step('no connectors', 'GET', '/connectors'),
  step('no connectors, slash', 'GET', '/connectors/'),
  step('no connectors, expanded', 'GET', '/connectors?expand=status&expand=info'),
  step('connectors, refused method', 'DELETE', '/connectors'),
  step('connectors, other refused method', 'PATCH', '/connectors', { body: {} }),
  step('connectors, HEAD', 'HEAD', '/connectors'),
  step('connectors, OPTIONS', 'OPTIONS', '/connectors'),
  step('unknown connector, OPTIONS', 'OPTIONS', '/connectors/none'),
  step('unknown connector, OPTIONS config', 'OPTIONS', '/connectors/none/config'),
  step('unknown connector, OPTIONS pause', 'OPTIONS', '/connectors/none/pause'),
  step('encoded slash in a name', 'GET', '/connectors/a%2Fb'),
  step('empty name', 'GET', '/connectors//status'),
  step('broken percent-encoding', 'GET', '/connectors/%zz'),
  step('unknown connector, PUT pause with another content type', 'PUT', '/connectors/none/pause', { headers: { 'content-type': 'text/plain' } }),
  ...['', '/config', '/status', '/tasks', '/tasks/0/status', '/offsets', '/topics', '/tasks-config', '/nothing'].map((it) => step(`unknown connector, GET ${it}`, 'GET', `/connectors/none${it}`)),
  step('unknown connector, slash', 'GET', '/connectors/none/'),
  ...['/pause', '/resume', '/stop', '/topics/reset'].map((it) => step(`unknown connector, PUT ${it}`, 'PUT', `/connectors/none${it}`)),
  ...['/restart', '/restart?includeTasks=true', '/tasks/0/restart'].map((it) => step(`unknown connector, POST ${it}`, 'POST', `/connectors/none${it}`)),
  step('unknown connector, PATCH config', 'PATCH', '/connectors/none/config', { body: {} }),
  step('unknown connector, DELETE', 'DELETE', '/connectors/none'),
  ...[
    ['POST', ''],
    ['PATCH', ''],
    ['POST', '/config'],
    ['DELETE', '/config'],
    ['PUT', '/status'],
    ['GET', '/pause'],
    ['POST', '/stop'],
    ['GET', '/restart'],
    ['PUT', '/tasks'],
    ['POST', '/topics'],
    ['GET', '/topics/reset'],
    ['PUT', '/offsets'],
    ['POST', '/tasks/0/status'],
    ['GET', '/tasks/0/restart'],
  ].map(([method = '', path = '']) => step(`refused method, ${method} ${path}`, method, `/connectors/none${path}`, method === 'PUT' || method === 'PATCH' ? { body: {} } : {})),
  step('task that is not a number', 'GET', '/connectors/none/tasks/x/status'),
];

const SIGNED = (algorithm: string): Record<string, string> => ({ 'X-Connect-Authorization': Buffer.alloc(32).toString('base64'), 'X-Connect-Request-Signature-Algorithm': algorithm });

const SINK_OFFSETS: readonly (readonly [string, readonly unknown[]])[] = [
  ['no partition', [{ offset: { kafka_offset: 1 } }]],
  ['no topic', [{ partition: { kafka_partition: 0 }, offset: null }]],
  ['topic is null', [{ partition: { kafka_topic: null, kafka_partition: 0 }, offset: null }]],
  ['partition is null', [{ partition: { kafka_topic: 't', kafka_partition: null }, offset: null }]],
  ['partition is a word', [{ partition: { kafka_topic: 't', kafka_partition: 'one' }, offset: null }]],
  ['no offset', [{ partition: { kafka_topic: 't', kafka_partition: 0 }, offset: {} }]],
  ['offset is a word', [{ partition: { kafka_topic: 't', kafka_partition: 0 }, offset: { kafka_offset: 'first' } }]],
];

const CREATE = (name: string, body: unknown, more: Partial<RestStep> = {}): RestStep => step(`create, ${name}`, 'POST', '/connectors', { body, ...more });

export const BAD_BODY_STEPS: readonly RestStep[] = [
  CREATE('no content type', '{}', { headers: { 'content-type': 'text/plain' } }),
  CREATE('content type missing', '{}', { headers: { 'content-type': '' } }),
  CREATE('content type with charset', '{"name":"c","config":{}}', { headers: { 'content-type': 'application/json; charset=utf-8' } }),
  CREATE('open brace', '{'),
  CREATE('nothing', ''),
  CREATE('an array', '[]'),
  CREATE('a string', '"x"'),
  CREATE('null', 'null'),
  CREATE('unknown member', { name: 'c', config: {}, other: 1 }),
  CREATE('no config', { name: 'c' }),
  CREATE('config is null', { name: 'c', config: null }),
  CREATE('config is an array', { name: 'c', config: [] }),
  CREATE('value is an object', { name: 'c', config: { a: {} } }),
  CREATE('value is an array', { name: 'c', config: { a: [] } }),
  CREATE('empty config', { name: 'c', config: {} }),
  CREATE('other name in config', { name: 'c', config: { ...SOURCE, name: 'd' } }),
  CREATE('unknown class', { name: 'c', config: { 'connector.class': 'Nope' } }),
  CREATE('no name', { config: SOURCE }),
  CREATE('name is empty', { name: '', config: SOURCE }),
  CREATE('name is blank', { name: '  ', config: SOURCE }),
  CREATE('name with a control character', { name: 'a\u0001b', config: SOURCE }),
  CREATE('three errors', { name: 'c', config: { 'connector.class': 'FileStreamSource', 'tasks.max': 'dog', 'errors.tolerance': 'some' } }),
  CREATE('tasks.max 0', { name: 'c', config: { ...SOURCE, 'tasks.max': 0 } }),
  CREATE('value is null', { name: 'c', config: { ...SOURCE, other: null } }),
  CREATE('unknown converter', { name: 'c', config: { ...SOURCE, 'value.converter': 'Nope' } }),
  CREATE('unknown initial state', { name: 'c', config: SOURCE, initial_state: 'JUNK' }),
  CREATE('sink without topics', { name: 'c', config: { 'connector.class': 'FileStreamSink' } }),
  CREATE('sink with topics and pattern', { name: 'c', config: { ...SINK, 'topics.regex': 'x.*' } }),
  step('put config, broken', 'PUT', '/connectors/c/config', { body: '{"a":' }),
  step('put config, nothing', 'PUT', '/connectors/c/config', { body: '' }),
  step('put config, other name', 'PUT', '/connectors/c/config', { body: { ...SOURCE, name: 'd' } }),
  step('put config, invalid', 'PUT', '/connectors/c/config', { body: { 'connector.class': 'FileStreamSource' } }),
  step('put config, unknown class', 'PUT', '/connectors/c/config', { body: { 'connector.class': 'Nope' } }),
  step('patch config, nothing', 'PATCH', '/connectors/c/config', { body: '' }),
  step('still no connectors', 'GET', '/connectors'),
];

export const LIFE_STEPS: readonly RestStep[] = [
  CREATE('source', { name: NAME, config: { ...SOURCE, 'tasks.max': 1, flag: true, decimal: 1.5 } }),
  CREATE('numbers keep their text', `{"name":"numbers","config":{"connector.class":"FileStreamSource","topic":"rest-none","file":"none.txt","a":1.50,"b":1e3,"c":12345678901234567890,"d":-0,"e":"1\\u00e4"},"initial_state":"stopped"}`),
  step('stopped from the start', 'GET', '/connectors/numbers/status', { until: isStopped }),
  step('stopped from the start, tasks', 'GET', '/connectors/numbers/tasks'),
  step('stopped from the start, delete', 'DELETE', '/connectors/numbers'),
  step('source runs', 'GET', `${PATH}/status`, { until: hasTasks('RUNNING') }),
  CREATE('duplicate', { name: NAME, config: SOURCE }),
  step('info', 'GET', PATH),
  step('info, slash', 'GET', `${PATH}/`),
  step('config', 'GET', `${PATH}/config`),
  step('tasks', 'GET', `${PATH}/tasks`),
  step('task status', 'GET', `${PATH}/tasks/0/status`),
  step('task status, unknown task', 'GET', `${PATH}/tasks/9/status`),
  step('names', 'GET', '/connectors'),
  step('expand status', 'GET', '/connectors?expand=status'),
  step('expand info', 'GET', '/connectors?expand=info'),
  step('expand status and info', 'GET', '/connectors?expand=status&expand=info'),
  step('expand info and status', 'GET', '/connectors?expand=info&expand=status'),
  step('expand without a value', 'GET', '/connectors?expand'),
  step('expand something else', 'GET', '/connectors?expand=junk'),
  step('topics', 'GET', `${PATH}/topics`, { until: (body) => Object.values(body as Record<string, { topics: string[] }>)[0]?.topics.length === 1 }),
  step('offsets', 'GET', `${PATH}/offsets`, { until: (body) => (body as { offsets: unknown[] }).offsets.length === 1 }),
  step('put config', 'PUT', `${PATH}/config`, { body: { ...SOURCE, 'batch.size': '10' } }),
  step('put config, again', 'PUT', `${PATH}/config`, { body: { ...SOURCE, 'batch.size': '10' } }),
  step('put config, mismatch', 'PUT', `${PATH}/config`, { body: { ...SOURCE, name: 'zz' } }),
  step('put config, new', 'PUT', '/connectors/e%20f/config', { body: { ...SOURCE, name: 'e f', file: 'none.txt' } }),
  step('delete the new one', 'DELETE', '/connectors/e%20f'),
  step('patch', 'PATCH', `${PATH}/config`, { body: { 'batch.size': null, 'absent.key': null, more: 1 } }),
  step('patch, invalid', 'PATCH', `${PATH}/config`, { body: { topic: null } }),
  step('patch, empty', 'PATCH', `${PATH}/config`, { body: {} }),
  step('patch, other name', 'PATCH', `${PATH}/config`, { body: { name: 'zz' } }),
  step('patch, name back', 'PATCH', `${PATH}/config`, { body: { name: NAME.trim() } }),
  step('patched config', 'GET', `${PATH}/config`),
  step('pause', 'PUT', `${PATH}/pause`),
  step('pause again', 'PUT', `${PATH}/pause`),
  step('paused', 'GET', `${PATH}/status`, { until: hasTasks('PAUSED') }),
  step('pause, with a body', 'PUT', `${PATH}/pause`, { body: {} }),
  step('resume', 'PUT', `${PATH}/resume`),
  step('resume again', 'PUT', `${PATH}/resume`),
  step('resumed', 'GET', `${PATH}/status`, { until: hasTasks('RUNNING') }),
  step('delete offsets while running', 'DELETE', `${PATH}/offsets`),
  step('alter offsets while running', 'PATCH', `${PATH}/offsets`, { body: { offsets: [{ partition: { filename: INPUT.name }, offset: { position: 0 } }] } }),
  step('alter offsets, none', 'PATCH', `${PATH}/offsets`, { body: { offsets: [] } }),
  step('restart', 'POST', `${PATH}/restart`),
  step('restart, junk parameter', 'POST', `${PATH}/restart?includeTasks=junk`),
  step('runs after the restart', 'GET', `${PATH}/status`, { until: hasTasks('RUNNING') }),
  step('restart with tasks', 'POST', `${PATH}/restart?includeTasks=true&onlyFailed=false`),
  step('runs after the restart with tasks', 'GET', `${PATH}/status`, { until: hasTasks('RUNNING') }),
  step('restart with tasks, upper case', 'POST', `${PATH}/restart?includeTasks=TRUE`),
  step('runs after the restart in upper case', 'GET', `${PATH}/status`, { until: hasTasks('RUNNING') }),
  step('restart what failed', 'POST', `${PATH}/restart?onlyFailed=true`),
  step('restart what failed, with tasks', 'POST', `${PATH}/restart?onlyFailed=true&includeTasks=true`),
  step('restart task', 'POST', `${PATH}/tasks/0/restart`),
  step('restart unknown task', 'POST', `${PATH}/tasks/9/restart`),
  step('restart a task that is not a number', 'POST', `${PATH}/tasks/x/restart`),
  step('runs after the restart of its task', 'GET', `${PATH}/status`, { until: hasTasks('RUNNING') }),
  step('task configs, unsigned', 'POST', `${PATH}/tasks`, { body: [] }),
  step('task configs, nothing', 'POST', `${PATH}/tasks`, { body: '' }),
  step('task configs, badly signed', 'POST', `${PATH}/tasks`, { body: [], headers: SIGNED('HmacSHA256') }),
  step('task configs, signed by another algorithm', 'POST', `${PATH}/tasks`, { body: [], headers: SIGNED('HmacSHA1') }),
  step('fence, unsigned', 'PUT', `${PATH}/fence`),
  step('fence, badly signed', 'PUT', `${PATH}/fence`, { headers: SIGNED('HmacSHA256') }),
  step('topics reset', 'PUT', `${PATH}/topics/reset`),
  step('topics after reset', 'GET', `${PATH}/topics`, { until: (body) => Object.values(body as Record<string, { topics: string[] }>)[0]?.topics.length === 0 }),
  step('stop', 'PUT', `${PATH}/stop`),
  step('stop again', 'PUT', `${PATH}/stop`),
  step('stopped', 'GET', `${PATH}/status`, { until: isStopped }),
  step('stopped, info', 'GET', PATH),
  step('stopped, tasks', 'GET', `${PATH}/tasks`),
  step('stopped, offsets', 'GET', `${PATH}/offsets`),
  step('alter offsets, broken', 'PATCH', `${PATH}/offsets`, { body: '{"offsets":' }),
  step('alter offsets, nothing', 'PATCH', `${PATH}/offsets`, { body: '' }),
  step('alter offsets, no member', 'PATCH', `${PATH}/offsets`, { body: {} }),
  step('alter offsets, unknown member', 'PATCH', `${PATH}/offsets`, { body: { offsets: [], other: 1 } }),
  step('alter offsets, not a list', 'PATCH', `${PATH}/offsets`, { body: { offsets: {} } }),
  step('alter offsets, refused by the connector', 'PATCH', `${PATH}/offsets`, { body: { offsets: [{ partition: { filename: INPUT.name }, offset: { position: -1 } }] } }),
  step('alter offsets, a structure', 'PATCH', `${PATH}/offsets`, { body: { offsets: [{ partition: { filename: INPUT.name }, offset: { position: { deep: 1 } } }] } }),
  step('alter offsets', 'PATCH', `${PATH}/offsets`, { body: { offsets: [{ partition: { filename: INPUT.name }, offset: { position: 4 } }] } }),
  step('offsets, altered', 'GET', `${PATH}/offsets`),
  step('alter offsets, forget one, add one', 'PATCH', `${PATH}/offsets`, { body: { offsets: [{ partition: { filename: INPUT.name }, offset: null }, { partition: { filename: 'other' }, offset: { position: 9007199254740993 } }] } }),
  step('offsets, one forgotten', 'GET', `${PATH}/offsets`),
  step('reset offsets', 'DELETE', `${PATH}/offsets`),
  step('offsets, reset', 'GET', `${PATH}/offsets`),
  step('reset offsets again', 'DELETE', `${PATH}/offsets`),
  step('alter offsets, unknown connector', 'PATCH', '/connectors/none/offsets', { body: { offsets: [{ partition: {}, offset: null }] } }),
  step('reset offsets, unknown connector', 'DELETE', '/connectors/none/offsets'),
  step('resume from stop', 'PUT', `${PATH}/resume`),
  step('resumed from stop', 'GET', `${PATH}/status`, { until: hasTasks('RUNNING') }),
  CREATE('sink, paused', { name: 'sink', config: { ...SINK, 'tasks.max': '1' }, initial_state: 'Paused' }),
  step('sink paused', 'GET', '/connectors/sink/status', { until: (body) => (body as Status).connector?.state === 'PAUSED' }),
  step('sink paused, tasks', 'GET', '/connectors/sink/tasks'),
  step('sink resumed', 'PUT', '/connectors/sink/resume'),
  step('sink runs', 'GET', '/connectors/sink/status', { until: hasTasks('RUNNING') }),
  step('sink offsets', 'GET', '/connectors/sink/offsets', { until: (body) => (body as { offsets?: unknown[] }).offsets?.length === 1 }),
  step('sink topics', 'GET', '/connectors/sink/topics'),
  step('sink deleted', 'DELETE', '/connectors/sink'),
  CREATE('sink, stopped', { name: 'still', config: { ...SINK, 'tasks.max': '1' }, initial_state: 'stopped' }),
  step('sink stopped', 'GET', '/connectors/still/status', { until: isStopped }),
  ...SINK_OFFSETS.map(([name, offsets]) => step(`alter offsets of a sink, ${name}`, 'PATCH', '/connectors/still/offsets', { body: { offsets } })),
  step('offsets of a sink before its first run', 'GET', '/connectors/still/offsets'),
  step('alter offsets of a sink', 'PATCH', '/connectors/still/offsets', { body: { offsets: [{ partition: { kafka_topic: 'rest-lines', kafka_partition: '0' }, offset: { kafka_offset: '1' } }] } }),
  step('offsets of a sink, altered', 'GET', '/connectors/still/offsets'),
  step('alter offsets of a sink, forget', 'PATCH', '/connectors/still/offsets', { body: { offsets: [{ partition: { kafka_topic: 'rest-lines', kafka_partition: 0 }, offset: null }] } }),
  step('offsets of a sink, forgotten', 'GET', '/connectors/still/offsets'),
  step('reset offsets of a sink', 'DELETE', '/connectors/still/offsets'),
  step('reset offsets of a sink again', 'DELETE', '/connectors/still/offsets'),
  step('stopped sink deleted', 'DELETE', '/connectors/still'),
  step('delete', 'DELETE', PATH),
  step('delete again', 'DELETE', PATH),
  step('info after delete', 'GET', PATH),
  step('status after delete', 'GET', `${PATH}/status`, { until: isUnknown }),
  step('at last no connectors', 'GET', '/connectors'),
];

const VALIDATE = (name: string, plugin: string, body: unknown): RestStep => step(`validate, ${name}`, 'PUT', `/connector-plugins/${plugin}/config/validate`, { body });

export const PLUGIN_STEPS: readonly RestStep[] = [
  step('plugins', 'GET', '/connector-plugins'),
  step('plugins, slash', 'GET', '/connector-plugins/'),
  step('plugins, connectors only', 'GET', '/connector-plugins?connectorsOnly=true'),
  step('plugins, all', 'GET', '/connector-plugins?connectorsOnly=false'),
  step('plugins, junk parameter', 'GET', '/connector-plugins?connectorsOnly=junk'),
  step('plugins, refused method', 'POST', '/connector-plugins', { body: {} }),
  step('plugin settings', 'GET', '/connector-plugins/FileStreamSource/config'),
  step('plugin settings, full name', 'GET', '/connector-plugins/org.apache.kafka.connect.file.FileStreamSinkConnector/config'),
  step('plugin settings, simple name', 'GET', '/connector-plugins/FileStreamSinkConnector/config'),
  step('plugin settings, converter', 'GET', '/connector-plugins/org.apache.kafka.connect.storage.StringConverter/config'),
  step('plugin settings, JSON converter', 'GET', '/connector-plugins/JsonConverter/config'),
  step('plugin settings, unknown', 'GET', '/connector-plugins/Nope/config'),
  step('plugin settings, refused method', 'PUT', '/connector-plugins/FileStreamSource/config', { body: {} }),
  VALIDATE('good source', 'FileStreamSource', { ...SOURCE, name: 'v' }),
  VALIDATE('full name in the path', 'org.apache.kafka.connect.file.FileStreamSourceConnector', { ...SOURCE, name: 'v', 'connector.class': 'org.apache.kafka.connect.file.FileStreamSourceConnector' }),
  VALIDATE('wrong number', 'FileStreamSource', { ...SOURCE, name: 'v', 'tasks.max': 'dog' }),
  VALIDATE('nothing but the class', 'FileStreamSource', { 'connector.class': 'FileStreamSource' }),
  VALIDATE('several errors and an unknown setting', 'FileStreamSource', { ...SOURCE, topic: '', 'tasks.max': '0', 'errors.tolerance': 'some', 'batch.size': 'x', extra: '1' }),
  VALIDATE('null value', 'FileStreamSource', { ...SOURCE, name: 'v', file: null, extra: null }),
  VALIDATE('null value of a setting of the plugin', 'FileStreamSource', { ...SOURCE, name: 'v', file: null }),
  VALIDATE('null value of an unknown setting', 'FileStreamSource', { ...SOURCE, name: 'v', extra: null }),
  VALIDATE('null value of a setting of the framework', 'FileStreamSource', { ...SOURCE, name: 'v', 'errors.tolerance': null }),
  VALIDATE('JSON converter with settings', 'FileStreamSource', { ...SOURCE, name: 'v', 'value.converter': 'JsonConverter', 'value.converter.schemas.enable': 'perhaps' }),
  VALIDATE('unknown converter', 'FileStreamSource', { ...SOURCE, name: 'v', 'key.converter': 'Nope' }),
  VALIDATE('client override', 'FileStreamSource', { ...SOURCE, name: 'v', 'producer.override.linger.ms': '5' }),
  VALIDATE('topic creation', 'FileStreamSource', { ...SOURCE, name: 'v', 'topic.creation.default.partitions': '2', 'topic.creation.default.replication.factor': '-1' }),
  VALIDATE('topic creation, wrong', 'FileStreamSource', { ...SOURCE, name: 'v', 'topic.creation.default.partitions': 'x' }),
  VALIDATE('good sink', 'FileStreamSink', { ...SINK, name: 'v' }),
  VALIDATE('sink with topics and pattern', 'FileStreamSink', { ...SINK, name: 'v', 'topics.regex': 'x.*' }),
  VALIDATE('sink with a wrong pattern', 'FileStreamSink', { 'connector.class': 'FileStreamSink', file: 'x', name: 'v', 'topics.regex': '(' }),
  VALIDATE('other class', 'FileStreamSink', SOURCE),
  VALIDATE('no class', 'FileStreamSource', {}),
  VALIDATE('unknown class', 'Nope', { 'connector.class': 'Nope' }),
  VALIDATE('unknown class in the path only', 'Nope', SOURCE),
  VALIDATE('nothing', 'FileStreamSource', ''),
  VALIDATE('structure as a value', 'FileStreamSource', { 'connector.class': {} }),
];

export const LOGGER_STEPS: readonly RestStep[] = [
  step('logger root', 'GET', '/admin/loggers/root'),
  step('logger unknown', 'GET', '/admin/loggers/nope'),
  step('logger, no level', 'PUT', '/admin/loggers/a.b', { body: {} }),
  step('logger, wrong level', 'PUT', '/admin/loggers/a.b', { body: { level: 'junk' } }),
  step('logger, structure', 'PUT', '/admin/loggers/a.b', { body: { level: {} } }),
  step('logger, nothing', 'PUT', '/admin/loggers/a.b', { body: '' }),
  step('logger set', 'PUT', '/admin/loggers/a.b', { body: { level: 'debug' } }),
  step('logger get', 'GET', '/admin/loggers/a.b'),
  step('logger set again', 'PUT', '/admin/loggers/a.b', { body: { level: 'debug' } }),
  step('logger, junk scope', 'PUT', '/admin/loggers/a.b?scope=junk', { body: { level: 'INFO' } }),
  step('logger, an ancestor', 'PUT', '/admin/loggers/a', { body: { level: 'error', other: 1 } }),
  step('logger, below the ancestor', 'GET', '/admin/loggers/a.b'),
  step('logger, cluster', 'PUT', '/admin/loggers/c.d?scope=cluster', { body: { level: 'trace' } }),
  step('logger, set in the cluster', 'GET', '/admin/loggers/c.d', { until: isSetToTrace }),
  step('logger, cluster, wrong level', 'PUT', '/admin/loggers/c.d?scope=CLUSTER', { body: { level: 'junk' } }),
  step('logger, refused method', 'DELETE', '/admin/loggers/a'),
  step('loggers, refused method', 'POST', '/admin/loggers', { body: {} }),
];

const SETTINGS_OF = (version: string): RestStep => step(`plugin settings, version ${version}`, 'GET', `/connector-plugins/FileStreamSource/config?version=${encodeURIComponent(version)}`);
const VERSIONED = (name: string, more: Record<string, string>): RestStep => VALIDATE(`version, ${name}`, 'FileStreamSource', { ...SOURCE, name: 'v', ...more });

/** One version of each plugin is installed: 4.3.1. */
export const VERSION_STEPS: readonly RestStep[] = [
  ...['4.3.1', '[4.0,5)', 'latest', '9.9', '[9,)', '[4', ''].map(SETTINGS_OF),
  step('plugin settings, a version of what is unknown', 'GET', '/connector-plugins/Nope/config?version=1'),
  step('plugin settings, converter, version', 'GET', '/connector-plugins/StringConverter/config?version=4.3.1'),
  step('plugin settings, converter, no such version', 'GET', '/connector-plugins/StringConverter/config?version=9.9'),
  VERSIONED('of the connector', { 'connector.plugin.version': '4.3.1' }),
  VERSIONED('a range', { 'connector.plugin.version': '[4.0,5.0)' }),
  VERSIONED('not there', { 'connector.plugin.version': '9.9' }),
  VERSIONED('no range', { 'connector.plugin.version': '[4' }),
  VERSIONED('of a converter', { 'key.converter.plugin.version': '[4,5]', 'value.converter.plugin.version': '4.3.1' }),
  VERSIONED('of a converter, not there', { 'key.converter.plugin.version': '9.9' }),
  VERSIONED('of a converter, no range', { 'key.converter.plugin.version': '[4' }),
  VERSIONED('of a header converter, not there', { 'header.converter': 'SimpleHeaderConverter', 'header.converter.plugin.version': '9.9' }),
  VERSIONED('of a transformation', { transforms: 'a', 'transforms.a.type': 'org.apache.kafka.connect.transforms.RegexRouter', 'transforms.a.plugin.version': '4.3.1', 'transforms.a.regex': 'x', 'transforms.a.replacement': 'y' }),
  VERSIONED('of a transformation, not there', { transforms: 'a', 'transforms.a.type': 'org.apache.kafka.connect.transforms.RegexRouter', 'transforms.a.plugin.version': '9.9', 'transforms.a.regex': 'x', 'transforms.a.replacement': 'y' }),
  VERSIONED('of a transformation, no range', { transforms: 'a', 'transforms.a.type': 'org.apache.kafka.connect.transforms.RegexRouter', 'transforms.a.plugin.version': '(', 'transforms.a.regex': 'x', 'transforms.a.replacement': 'y' }),
  VERSIONED('of a predicate', { predicates: 'p', 'predicates.p.type': 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone', 'predicates.p.plugin.version': '4.3.1' }),
  CREATE('version not there', { name: 'c', config: { ...SOURCE, 'connector.plugin.version': '9.9' } }),
  CREATE('version of a converter not there', { name: 'c', config: { ...SOURCE, 'value.converter.plugin.version': '9.9' } }),
];
