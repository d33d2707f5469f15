import type { BrokerId } from '@millrace/foundation';

/** The replicas of a partition while they move: `replicas` has them all, those that come and those that go. */
export interface Assignment {
  readonly replicas: readonly BrokerId[];
  readonly addingReplicas: readonly BrokerId[];
  readonly removingReplicas: readonly BrokerId[];
}

/** How to get from these replicas to those: first hold both, those that go last. */
export function reassignment(current: readonly BrokerId[], target: readonly BrokerId[]): Assignment {
  const ascending = (a: BrokerId, b: BrokerId): number => a - b;
  const removingReplicas = current.filter((id) => !target.includes(id)).sort(ascending);
  const addingReplicas = target.filter((id) => !current.includes(id)).sort(ascending);
  return { replicas: [...target, ...removingReplicas], addingReplicas, removingReplicas };
}

/** What the partition is once it is done: null while a new replica is not in sync, or while fewer come than go and not all that stay are in sync. */
export function completedReassignment(assignment: Assignment, isr: readonly BrokerId[]): (Assignment & { readonly isr: readonly BrokerId[] }) | null {
  const { addingReplicas, removingReplicas } = assignment;
  if (addingReplicas.length === 0 && removingReplicas.length === 0) return null;
  const stays = (id: BrokerId): boolean => !removingReplicas.includes(id);
  const nextIsr = isr.filter(stays);
  const replicas = assignment.replicas.filter(stays);
  if (removingReplicas.length > 0 && (nextIsr.length === 0 || replicas.length === 0)) return null;
  const needed = addingReplicas.length < removingReplicas.length ? [...addingReplicas, ...replicas] : addingReplicas;
  if (!needed.every((id) => nextIsr.includes(id))) return null;
  return { replicas, isr: nextIsr, addingReplicas: [], removingReplicas: [] };
}

/** Back to the replicas of before. `isUnclean`: none of them is in sync, so the first of them would have to lead with what it has. Null: there was none. */
export function revertedReassignment(assignment: Assignment, isr: readonly BrokerId[]): { readonly replicas: readonly BrokerId[]; readonly isr: readonly BrokerId[]; readonly isUnclean: boolean } | null {
  const isOld = (id: BrokerId): boolean => !assignment.addingReplicas.includes(id);
  const replicas = assignment.replicas.filter(isOld);
  const remaining = isr.filter(isOld);
  const [first] = replicas;
  if (first === undefined) return null;
  return remaining.length > 0 ? { replicas, isr: remaining, isUnclean: false } : { replicas, isr: [first], isUnclean: true };
}
