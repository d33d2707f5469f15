const LENGTH_MAX = 249;
const INTERNAL = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state']);

/** What is wrong with a topic's name, in Kafka's words; null when it is fine. */
export function topicNameProblem(name: string): string | null {
  const problem = reason(name);
  return problem === null ? null : `Topic name is invalid: ${problem}`;
}

function reason(name: string): string | null {
  if (name === '') return 'the empty string is not allowed';
  if (name === '.' || name === '..') return `'${name}' is not allowed`;
  if (name.length > LENGTH_MAX) return `the length of '${name}' is longer than the max allowed length ${LENGTH_MAX}`;
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  return null;
}

/** Names that differ only in '.' and '_' would collide in metric names. */
export function collisionForm(name: string): string {
  return name.replaceAll('.', '_');
}

export function isInternalTopic(name: string): boolean {
  return INTERNAL.has(name);
}
