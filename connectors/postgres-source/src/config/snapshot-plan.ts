import type { ConfigOf } from '@millrace/connect-api';
import type { SETTINGS } from './settings.js';

/** What `snapshot.mode` asks for. */
export interface SnapshotPlan {
  /** When the rows that are there are read: never, at the first start, or at each. */
  readonly reads: 'never' | 'first' | 'each';
  /** Whether changes are streamed afterwards. */
  readonly streams: boolean;
  /** Whether a lost position is made up for by a new snapshot. */
  readonly renewsLost: boolean;
}

const PLANS: Readonly<Record<string, SnapshotPlan>> = {
  initial: { reads: 'first', streams: true, renewsLost: false },
  always: { reads: 'each', streams: true, renewsLost: false },
  initial_only: { reads: 'first', streams: false, renewsLost: false },
  no_data: { reads: 'never', streams: true, renewsLost: false },
  never: { reads: 'never', streams: true, renewsLost: false },
  when_needed: { reads: 'first', streams: true, renewsLost: true },
};

export function snapshotPlan(values: ConfigOf<typeof SETTINGS>): SnapshotPlan {
  const mode = values['snapshot.mode'].toLowerCase();
  const plan = PLANS[mode];
  if (plan) return plan;
  const prefix = 'snapshot.mode.configuration.based';
  return { reads: values[`${prefix}.snapshot.data`] ? 'each' : 'never', streams: values[`${prefix}.start.stream`], renewsLost: values[`${prefix}.snapshot.on.data.error`] };
}
