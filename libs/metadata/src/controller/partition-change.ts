import type { BrokerId, Uuid } from '@millrace/foundation';
import type { MetadataRecord, PartitionChangeRecord } from '@millrace/protocol';
import { changed, NO_LEADER, type PartitionRegistration } from '../image/topic-image.js';
import { completedReassignment, type Assignment } from './reassignment.js';

/** `online`: keep the leader while it is fit. `preferred`: the first replica if it is fit. `unclean`: also a replica that may lack records, when nobody else is left. */
export type Election = 'online' | 'preferred' | 'unclean';

/** What a partition shall become; what is absent stays as it is. */
export interface PartitionGoal {
  readonly election?: Election;
  readonly isr?: readonly BrokerId[];
  readonly replicas?: readonly BrokerId[];
  readonly removingReplicas?: readonly BrokerId[];
  readonly addingReplicas?: readonly BrokerId[];
  readonly isRecovering?: boolean;
  /** This broker stopped without an orderly end: what it had not synced may be gone, so it is not eligible to lead. */
  readonly uncleanShutdown?: BrokerId;
  /** One replica's log directory. */
  readonly directory?: { readonly brokerId: BrokerId; readonly directory: Uuid };
}

/** What the world allows a partition. */
export interface PartitionRules {
  /** Whether this replica may lead now. */
  readonly isFit: (brokerId: BrokerId) => boolean;
  /** min.insync.replicas, or the replication factor if that is less. */
  readonly minInSyncReplicas: number;
  /** eligible.leader.replicas.version is at level 1. */
  readonly hasEligibleReplicas: boolean;
  /** Where a new replica of the broker goes. */
  readonly directoryFor: (brokerId: BrokerId) => Uuid;
}

const UNCHANGED_LEADER = -2;
const NO_CHANGE = { isr: null, leader: UNCHANGED_LEADER, replicas: null, removingReplicas: null, addingReplicas: null, leaderRecoveryState: -1, directories: null, eligibleLeaderReplicas: null, lastKnownElr: null } as const;
const CHANGES = Object.keys(NO_CHANGE) as (keyof typeof NO_CHANGE)[];

/**
 * The record that brings a partition to its goal under these rules, or null when it is there already. In this order: a reassignment whose new replicas are in
 * sync ends; who leaves an in-sync set that is too small stays eligible; a leader is elected (in sync, else eligible, else the last known leader, else, in an
 * unclean election, anyone).
 */
export function changePartition(topicId: Uuid, partition: PartitionRegistration, goal: PartitionGoal, rules: PartitionRules): PartitionChangeRecord | null {
  const target = targetOf(partition, goal);
  const eligible = eligibleReplicas(partition, target, goal.uncleanShutdown, rules);
  const elected = elect(partition, { ...target, eligible }, goal.election ?? 'online', rules);
  const record: PartitionChangeRecord = { partitionId: partition.partitionId, topicId, ...NO_CHANGE };
  let { isr } = target;
  let nextEligible = eligible;
  const hasNewLeader = elected.leader !== partition.leader;
  const isUnclean = hasNewLeader && elected.isUnclean;
  if (hasNewLeader) {
    record.leader = elected.leader;
    if (eligible.includes(elected.leader)) {
      isr = [elected.leader];
      nextEligible = eligible.filter((id) => id !== elected.leader);
    }
    if (isUnclean) {
      // Only what this replica has is kept: nobody else is in sync with it.
      isr = [elected.leader];
      if (!partition.isRecovering) record.leaderRecoveryState = 1;
    }
  } else if (!partition.replicas.every((id) => target.replicas.includes(id))) {
    // A replica is gone: a new leader epoch keeps it from being taken for one.
    record.leader = partition.leader;
  }
  if (isUnclean || !rules.hasEligibleReplicas) nextEligible = [];
  if (!sameMembers(nextEligible, partition.eligibleLeaderReplicas)) record.eligibleLeaderReplicas = [...nextEligible];
  // Invariant 3: without eligible replicas the last member of an in-sync set stays in it.
  if ((isr.length > 0 || rules.hasEligibleReplicas) && !sameList(isr, partition.isr)) record.isr = [...isr];
  if (rules.hasEligibleReplicas) rememberLastLeader(partition, record);
  assign(partition, target, goal, rules, record);
  if (goal.isRecovering !== undefined && goal.isRecovering !== partition.isRecovering) record.leaderRecoveryState = goal.isRecovering ? 1 : 0;
  return isNoChange(record) ? null : record;
}

interface Target extends Assignment {
  readonly isr: readonly BrokerId[];
}

function targetOf(partition: PartitionRegistration, goal: PartitionGoal): Target {
  const wanted = {
    replicas: goal.replicas ?? partition.replicas,
    removingReplicas: goal.removingReplicas ?? partition.removingReplicas,
    addingReplicas: goal.addingReplicas ?? partition.addingReplicas,
  };
  const isr = goal.isr ?? partition.isr;
  return completedReassignment(wanted, isr) ?? { ...wanted, isr };
}

/**
 * KIP-966: nothing is acknowledged while the in-sync set is too small, so whoever was in it at that point lacks nothing that was. Only of replicas: one that is
 * moved away and comes back has nothing.
 */
function eligibleReplicas(partition: PartitionRegistration, { isr, replicas }: Target, uncleanShutdown: BrokerId | undefined, rules: PartitionRules): readonly BrokerId[] {
  if (!rules.hasEligibleReplicas) return partition.eligibleLeaderReplicas;
  if (isr.length >= rules.minInSyncReplicas) return [];
  const candidates = new Set([...partition.eligibleLeaderReplicas, ...partition.isr]);
  return [...candidates].filter((id) => replicas.includes(id) && !isr.includes(id) && id !== uncleanShutdown).sort((a, b) => a - b);
}

interface Candidates extends Target {
  readonly eligible: readonly BrokerId[];
}

function elect(partition: PartitionRegistration, target: Candidates, election: Election, rules: PartitionRules): { readonly leader: BrokerId; readonly isUnclean: boolean } {
  const { isr, eligible, replicas } = target;
  const isElectable = (id: BrokerId): boolean => (isr.includes(id) || (isr.length === 0 && eligible.includes(id))) && rules.isFit(id);
  const [preferred] = replicas;
  if (election === 'preferred' && preferred !== undefined && isElectable(preferred)) return { leader: preferred, isUnclean: false };
  if (isElectable(partition.leader)) return { leader: partition.leader, isUnclean: false };
  const clean = replicas.find(isElectable);
  if (clean !== undefined) return { leader: clean, isUnclean: false };
  const [lastKnown] = partition.lastKnownElr;
  const isLastResort = rules.hasEligibleReplicas && isr.length === 0 && eligible.length === 0 && partition.lastKnownElr.length === 1;
  if (isLastResort && lastKnown !== undefined && replicas.includes(lastKnown) && rules.isFit(lastKnown)) return { leader: lastKnown, isUnclean: true };
  const any = election === 'unclean' ? replicas.find(rules.isFit) : undefined;
  return any === undefined ? { leader: NO_LEADER, isUnclean: false } : { leader: any, isUnclean: true };
}

function rememberLastLeader(partition: PartitionRegistration, record: PartitionChangeRecord): void {
  if (record.leader === NO_LEADER && partition.leader !== NO_LEADER && partition.lastKnownElr.length === 0) record.lastKnownElr = [partition.leader];
  else if (record.leader >= 0 && partition.lastKnownElr.length > 0) record.lastKnownElr = [];
}

function assign(partition: PartitionRegistration, target: Assignment, goal: PartitionGoal, rules: PartitionRules, record: PartitionChangeRecord): void {
  const directories = target.replicas.map((id) => {
    if (goal.directory?.brokerId === id) return goal.directory.directory;
    return partition.directories[partition.replicas.indexOf(id)] ?? rules.directoryFor(id);
  });
  if (!sameList(directories, partition.directories)) record.directories = directories;
  if (!sameList(target.replicas, partition.replicas)) record.replicas = [...target.replicas];
  if (!sameList(target.removingReplicas, partition.removingReplicas)) record.removingReplicas = [...target.removingReplicas];
  if (!sameList(target.addingReplicas, partition.addingReplicas)) record.addingReplicas = [...target.addingReplicas];
}

function isNoChange(record: PartitionChangeRecord): boolean {
  return CHANGES.every((key) => record[key] === NO_CHANGE[key]);
}

/** What the image will say once the record is replayed. */
export function afterChange(partition: PartitionRegistration, record: PartitionChangeRecord | null): PartitionRegistration {
  return record === null ? partition : changed(partition, record);
}

export function partitionChangeRecord(record: PartitionChangeRecord): MetadataRecord {
  return { type: 'PartitionChangeRecord', version: 2, record };
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((it, i) => it === b[i]);
}

function sameMembers(a: readonly BrokerId[], b: readonly BrokerId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
