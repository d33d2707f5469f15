import type { RestAnswer } from './rest-conversation.js';

function refused(error_code: number, message: string): RestAnswer {
  return { status: error_code, body: { error_code, message } };
}

const NO_SUCH_VERSION = 'Plugin org.apache.kafka.connect.file.FileStreamSourceConnector not found that matches the version range [9.9,9.9], available versions: [4.3.1]';

/** Steps whose answers differ on purpose, each with what ours is. The README says why; a step that no longer differs fails, so that the list stays true. */
const OURS: Readonly<Record<string, RestAnswer>> = {
  // Only names of settings in an error, never their values.
  'create, content type with charset': refused(400, 'Connector config ["name"] contains no connector type'),
  'create, empty config': refused(400, 'Connector config ["name"] contains no connector type'),
  // A mistake of the client is no error of the server, and no Java class stands before its text.
  'validate, no class': refused(400, 'Connector config [] contains no connector type'),
  'validate, unknown class': refused(400, 'Failed to find any class that implements Connector and which name matches Nope, available connectors are: <plugins>'),
  'put config, unknown class': refused(400, 'Failed to find any class that implements Connector and which name matches Nope, available connectors are: <plugins>'),
  'validate, version, no range': refused(400, 'Unbounded range: [4'),
  // Java's answer is an error of its own (a list that is null).
  'create, version not there': refused(
    400,
    `Connector configuration is invalid and contains the following 2 error(s):\n${NO_SUCH_VERSION}\n${NO_SUCH_VERSION}\nYou can also find the above list of errors at the endpoint \`/connector-plugins/{connectorType}/config/validate\``,
  ),
  // Names with a slash can be reached, and what is no path is refused in JSON too.
  'encoded slash in a name': refused(404, 'Connector a/b not found'),
  'broken percent-encoding': refused(400, 'HTTP 400 Bad Request'),
  'empty name': refused(404, 'HTTP 404 Not Found'),
  // A connector keeps its name.
  'patch, other name': refused(400, "Connector name configuration (zz) doesn't match connector name in the URL (a ö?)"),
  // An order of checks.
  'patch config, nothing': refused(500, 'The request has no body; a JSON object was expected'),
  'task configs, nothing': refused(400, 'Internal request missing required signature'),
  // The level at which the two run.
  'logger root': { status: 200, body: { level: 'INFO', last_modified: null } },
};

/** Both answers without the differences that the README lists. */
export function comparable(name: string, theirs: RestAnswer, ours: RestAnswer): { expected: RestAnswer; actual: RestAnswer } {
  const own = OURS[name];
  if (own) {
    if (JSON.stringify(own) === JSON.stringify(theirs)) throw new Error(`"${name}" is listed as a deviation, and is none`);
    return { expected: own, actual: ours };
  }
  return { expected: simplified(oneVersionEach(theirs)), actual: simplified(ours) };
}

interface KeyInfo {
  name: string;
  group: string | null;
  order_in_group: number;
  order?: number;
  display_name: string;
}
interface ValueInfo {
  name: string;
  recommended_values: string[];
  errors: string[];
}
interface Config {
  definition: KeyInfo | null;
  value: ValueInfo;
}

/** Java counts a class once for each kind of plugin that it is. */
function oneVersionEach(answer: RestAnswer): RestAnswer {
  return JSON.parse(JSON.stringify(answer).replaceAll('available versions: [4.3.1, 4.3.1]', 'available versions: [4.3.1]')) as RestAnswer;
}

function simplified(answer: RestAnswer): RestAnswer {
  const { body } = answer;
  if (isInvalidConfig(body)) return { ...answer, body: { ...body, message: withoutNullErrors(body.message) } };
  if (isBrokenBody(answer)) return { ...answer, body: { error_code: 500, message: '<what is wrong with the body>' } };
  if (Array.isArray(body) && body.some((it) => typeof it === 'object' && it !== null && 'type' in it && 'class' in it)) return { ...answer, body: plugins(body as { class: string; type: string }[]) };
  if (Array.isArray(body) && body.some((it) => typeof it === 'object' && it !== null && 'order_in_group' in it)) return { ...answer, body: definitions(body as KeyInfo[]) };
  if (typeof body === 'object' && body !== null && 'configs' in body) return { ...answer, body: validation(body as { error_count: number; groups: string[]; configs: Config[] }) };
  return answer;
}

/** Deviation 1: the text of a refusal of a broken body is not Jackson's, which names Java classes. */
function isBrokenBody({ status, body }: RestAnswer): boolean {
  const message = (body as { message?: unknown } | undefined)?.message;
  return status === 500 && typeof message === 'string' && /^Cannot (invoke|deserialize|construct|read)|^Unexpected end-of-input|^Unrecognized|^No content to map|^The request (has no|body)/.test(message);
}

function isInvalidConfig(body: unknown): body is { message: string } {
  const message = (body as { message?: unknown } | undefined)?.message;
  return typeof message === 'string' && message.includes(' error(s):\n');
}

/** Deviation 5 in the text of a refusal. */
function withoutNullErrors(message: string): string {
  const lines = message.split('\n').filter((it) => !it.startsWith('Invalid value null for configuration'));
  return lines.join('\n').replace(/following \d+ error/, `following ${lines.length - 2} error`);
}

/** What is installed differs; what both have must agree in form and order. */
function plugins(all: { class: string; type: string }[]): unknown {
  const types = [...new Set(all.map((it) => it.type))].filter((it) => it !== 'transformation' && it !== 'predicate');
  const isKnown = (name: string): boolean => /^org\.apache\.kafka\.connect\.(file|json|storage|converters)\./.test(name);
  return { types, plugins: all.filter((it) => isKnown(it.class)).map((it) => ({ class: it.class, type: it.type })) };
}

/** Deviations 2 to 4: settings that only one side has, the extra member `order`, numbers in a group that count from elsewhere (the order of the list is the same). */
function definitions(all: KeyInfo[]): unknown[] {
  const shown = all.filter((it) => isShared(it.name));
  return shown.map((it) => {
    const { order, ...shared } = it;
    if (order !== undefined && order !== it.order_in_group) throw new Error(`${it.name} has two different numbers`);
    return { ...shared, order_in_group: it.order_in_group === -1 ? -1 : '<number>' };
  });
}

function isShared(name: string): boolean {
  return !/(^|\.)(task\.(isolation|restart\..*|stall\.timeout\.ms)|converter\.type|schema\.content)$/.test(name);
}

/** Deviations 5 to 7: one error for a wrong value, where Java's validators complain of the missing value once more; no definitions of client settings; errors of topic creation at once. */
function validation(infos: { error_count: number; groups: string[]; configs: Config[] }): unknown {
  const configs = infos.configs
    .filter((it) => isShared(it.value.name) && !it.value.name.startsWith('topic.creation.default.'))
    .map((it) => (it.value.name.includes('.override.') ? { ...it, definition: null } : it));
  const infosOf = definitions(configs.flatMap((it) => (it.definition ? [it.definition] : [])));
  let next = 0;
  const values = configs.map(({ definition, value }) => ({
    definition: definition ? infosOf[next++] : null,
    value: { ...value, recommended_values: value.recommended_values.filter((it) => it.startsWith('org.apache.kafka.')), errors: errorsOf(value) },
  }));
  const own = values.filter((it) => !/^(key|value|header)\.converter\./.test(it.value.name));
  const ofConverters = values.filter((it) => !own.includes(it)).sort((a, b) => (a.value.name < b.value.name ? -1 : 1));
  return { ...infos, error_count: values.reduce((sum, it) => sum + it.value.errors.length, 0), groups: groupsOf(infos.groups), configs: [...own, ...ofConverters] };
}

function errorsOf(value: ValueInfo): string[] {
  return value.errors.filter((it) => !it.startsWith('Invalid value null for configuration')).map((it) => it.replace(/(: Invalid regex: ).*$/s, '$1<where>'));
}

/** A converter's groups come in the order of a hash table. */
function groupsOf(groups: string[]): string[] {
  const isOfConverter = (it: string): boolean => it === 'Schemas' || it === 'Serialization';
  return [...groups.filter((it) => !isOfConverter(it)), ...groups.filter(isOfConverter).sort()];
}
