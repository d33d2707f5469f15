export interface DebeziumRecord {
  readonly topic: string;
  readonly key: { readonly payload: { readonly id: string } };
  readonly value: { readonly payload: { readonly op: string; readonly source: { readonly snapshot: string } } } | null;
  readonly offset: Readonly<Record<string, string | number | boolean>>;
}
export function missing(): string | undefined;
export class DebeziumProcess {
  constructor(request: { readonly config: Readonly<Record<string, string>>; readonly offset: unknown });
  readonly errors: string;
  until(isWanted: (record: DebeziumRecord) => boolean, into: DebeziumRecord[], deadlineMs: number): Promise<boolean>;
  stop(): Promise<void>;
}
