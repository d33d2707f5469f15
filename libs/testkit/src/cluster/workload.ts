import type { SeededRandom } from '../doubles/seeded-random.js';

/** A connector as it is put, and how many tasks it must run. */
export interface WorkloadConnector {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  readonly tasks: number;
}

export interface WorkloadVerdict {
  /** Empty: nothing was lost. */
  readonly problems: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

/** One flow from an outside system to an outside system, which counts for itself what went in and what came out. */
export interface Workload {
  readonly name: string;
  readonly connectors: readonly WorkloadConnector[];
  /** Makes what the connectors need: databases, folders, servers. */
  prepare(): Promise<void>;
  /** Resolves when the source can miss nothing any more. */
  ready(): Promise<void>;
  /** Writes at the source until the signal. */
  write(signal: AbortSignal): Promise<void>;
  /** Makes the outside system fail for a while: restarted, slow, refusing. Resolves when it is as before. */
  strike?(random: SeededRandom): Promise<void>;
  /** Waits until what was written has arrived, or nothing more has come for `settleMs`, then compares. */
  verdict(settleMs: number): Promise<WorkloadVerdict>;
  close(): Promise<void>;
}

export const JSON_SETTINGS = { 'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter': 'org.apache.kafka.connect.json.JsonConverter' } as const;
export const TEXT_SETTINGS = { 'key.converter': 'org.apache.kafka.connect.storage.StringConverter', 'value.converter': 'org.apache.kafka.connect.storage.StringConverter' } as const;
