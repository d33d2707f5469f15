/**
 * Where a classic group is. Empty: no members, perhaps offsets. PreparingRebalance: joins are parked. CompletingRebalance: members know the generation, syncs
 * are parked until the leader's assignment is stored. Stable: everyone has an assignment. Dead: unloaded or deleted; nothing leads out of it.
 */
export type ClassicGroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

const PREVIOUS: Readonly<Record<ClassicGroupState, readonly ClassicGroupState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
};

export function canTransition(from: ClassicGroupState, to: ClassicGroupState): boolean {
  return PREVIOUS[to].includes(from);
}
