import type { ClassicMember } from './classic-member.js';

/** The names that every member knows, in the first member's order of preference. */
function commonProtocols(members: readonly ClassicMember[]): readonly string[] {
  const [first, ...rest] = members;
  if (first === undefined) return [];
  return first.protocols.map((it) => it.name).filter((name) => rest.every((member) => member.protocols.some((it) => it.name === name)));
}

/** Each member votes for the first of its protocols that all have in common; most votes win, ties go to the first member's preference. Null when there is none. */
export function selectProtocol(members: readonly ClassicMember[]): string | null {
  const common = commonProtocols(members);
  const votes = new Map<string, number>();
  for (const member of members) {
    const choice = member.protocols.find((it) => common.includes(it.name));
    if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
  }
  let best: string | null = null;
  for (const name of common) if (best === null || (votes.get(name) ?? 0) > (votes.get(best) ?? 0)) best = name;
  return best;
}
