import type { MongoClient } from 'mongodb';

export interface Operation {
  readonly db?: string;
  readonly command?: Readonly<Record<string, unknown>>;
  readonly transaction?: readonly Operation[];
}
export function load(): { readonly before: Operation[]; readonly after: Operation[] };
export function run(client: MongoClient, operation: Operation): Promise<void>;
export function fence(client: MongoClient, number: number): Promise<void>;
export const FENCE: { readonly database: string; readonly collection: string };
export const RUNS: Readonly<Record<string, Readonly<Record<string, string>>>>;
