import type { Work } from './connect-protocol.js';

/** The assignment of the eager protocol: connectors, then tasks, assigned to the members in order of their ids; nobody keeps anything. */
export function eagerAssignment(configured: Work, memberIds: readonly string[]): Map<string, Work> {
  const members = [...memberIds].sort();
  const shares = new Map(members.map((it) => [it, { connectors: [] as string[], tasks: [] as { connector: string; task: number }[] }]));
  const connectors = [...configured.connectors].sort();
  let turn = 0;
  const next = (): { connectors: string[]; tasks: { connector: string; task: number }[] } => shares.get(members[turn++ % members.length]!)!;
  for (const connector of connectors) next().connectors.push(connector);
  for (const connector of connectors) for (const id of configured.tasks.filter((it) => it.connector === connector).sort((a, b) => a.task - b.task)) next().tasks.push(id);
  return shares;
}
