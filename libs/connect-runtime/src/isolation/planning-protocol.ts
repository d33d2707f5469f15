import type { ConfigKey, ConfigValue, OffsetMap } from '@millrace/connect-api';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { StringMap } from '../rest/shapes.js';
import type { ErrorReport } from './task-protocol.js';

/** What is asked of a connector's planning half. Calls with an `instance` concern one that was started; the others make one for the moment. */
export type PlanningRequest =
  | { readonly method: 'start'; readonly instance: number; readonly connector: string; readonly config: StringMap }
  | { readonly method: 'taskConfigs'; readonly instance: number; readonly tasksMax: number }
  | { readonly method: 'stop'; readonly instance: number }
  /** Nothing more is asked of it. */
  | { readonly method: 'forget'; readonly instance: number }
  | { readonly method: 'describe' }
  | { readonly method: 'validate'; readonly config: StringMap }
  | { readonly method: 'exactlyOnceSupport'; readonly config: StringMap }
  | { readonly method: 'alterSourceOffsets'; readonly config: StringMap; readonly offsets: ReadonlyMap<OffsetMap, OffsetMap | null> }
  | { readonly method: 'alterSinkOffsets'; readonly config: StringMap; readonly offsets: ReadonlyMap<string, number | null> }
  | { readonly method: 'onDeleted'; readonly config: StringMap; readonly instance?: number };

/** Definitions of settings without their functions. */
export type PlainKeys = Readonly<Record<string, Omit<ConfigKey<never>, 'check' | 'recommend' | 'isVisible'>>>;

export interface PlanningAnswers {
  start: void;
  taskConfigs: StringMap[];
  stop: void;
  forget: void;
  describe: PlainKeys;
  validate: ConfigValue[];
  exactlyOnceSupport: 'supported' | 'unsupported' | undefined;
  alterSourceOffsets: boolean;
  alterSinkOffsets: boolean;
  onDeleted: void;
}

export interface PlanningCall {
  readonly id: number;
  readonly plugin: PluginDescriptor;
  readonly request: PlanningRequest;
}

export type PlanningMessage =
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: ErrorReport }
  | { readonly type: 'reconfigure'; readonly instance: number }
  | { readonly type: 'raised'; readonly instance: number; readonly error: ErrorReport }
  | { readonly type: 'log'; readonly instance: number; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly fields: Readonly<Record<string, unknown>>; readonly message: string };
