import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { APIS, MESSAGES, type AnyMessageCodec } from '@millrace/protocol';

export interface VersionRange {
  readonly low: number;
  readonly high: number;
}
export type FieldType =
  | { readonly kind: 'primitive'; readonly primitive: string }
  | { readonly kind: 'struct'; readonly struct: Struct }
  | { readonly kind: 'array'; readonly element: FieldType };
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly versions?: VersionRange;
  readonly nullable?: VersionRange;
  readonly default?: string;
  readonly tag?: number;
  readonly ignorable: boolean;
  readonly exact: boolean;
}
export interface Struct {
  readonly name: string;
  readonly fields: readonly Field[];
}
interface Message {
  readonly name: string;
  readonly versions: VersionRange;
  readonly flexibleFrom: number | null;
  readonly root: Struct;
}

/** A message as its schema describes it, with the codec that was generated from that schema. */
export interface Subject {
  readonly name: string;
  readonly root: Struct;
  readonly codec: AnyMessageCodec;
  readonly versions: readonly number[];
}

/** Every message of every schema. The schemas are read by the code generator itself, in a process of its own, since no lib imports an app. */
export function subjects(): Subject[] {
  const root = path.resolve(__dirname, '../../..');
  const model = execFileSync(process.execPath, ['apps/devtools/codegen.cjs', '--model'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'inherit'] });
  const files = JSON.parse(model) as { api?: { request: Message; response: Message }; messages: Message[] }[];
  const codecs = new Map<string, AnyMessageCodec>();
  for (const api of APIS) for (const codec of [api.request, api.response]) codecs.set(codec.name, codec);
  for (const group of Object.values(MESSAGES)) for (const codec of group) codecs.set(codec.name, codec);
  const found = files.flatMap((file) => [...(file.api === undefined ? [] : [file.api.request, file.api.response]), ...file.messages]);
  return found.map((message) => {
    const codec = codecs.get(message.name);
    if (codec === undefined) throw new Error(`${message.name} has no codec`);
    const { low, high } = message.versions;
    return { name: message.name, root: message.root, codec, versions: Array.from({ length: high - low + 1 }, (_, index) => low + index) };
  });
}

export function includes(range: VersionRange | undefined, version: number): boolean {
  return range === undefined || (version >= range.low && version <= range.high);
}
