import { ConfigError, type Field, type LazyStruct, type Schema, type Struct, type Value } from '@millrace/connect-api';
import { requireAnyStruct, requireMap, requireStruct, type FieldMap } from './record-part.js';
import { fieldReader } from './struct-building.js';

/** The way to one field: a name (V1), or names from the outside in (V2). */
export class FieldPath {
  private readonly parents: readonly string[];
  readonly last: string;

  constructor(text: string, version: string) {
    const steps = version.toUpperCase() === 'V2' ? stepsOf(text) : [text];
    this.parents = steps.slice(0, -1);
    this.last = steps[steps.length - 1] ?? '';
  }

  /** Undefined where there is no such field. */
  fieldOf(schema: Schema): Field | undefined {
    let current = schema;
    for (const step of this.parents) {
      const field = current.field(step);
      if (!field) return undefined;
      current = field.schema;
    }
    return current.field(this.last);
  }

  /** Null where a struct on the way is null, or a field is not there. */
  valueIn(struct: Struct | LazyStruct, replacesNullWithDefault: boolean): Value {
    let current: Struct | LazyStruct = struct;
    for (const step of this.parents) {
      const value: Value = current.schema.field(step) ? current.get(step) : null;
      if (value === null) return null;
      current = requireAnyStruct(value, 'nested field access');
    }
    const field = current.schema.field(this.last);
    if (!field) return null;
    if (replacesNullWithDefault || field.schema.default === undefined) return current.get(this.last);
    return fieldReader(false)(requireStruct(current, 'nested field access'), field);
  }

  valueInMap(map: FieldMap): Value {
    let current = map;
    for (const step of this.parents) {
      const value = current.get(step) ?? null;
      if (value === null) return null;
      current = requireMap(value, 'nested field access');
    }
    return current.get(this.last) ?? null;
  }
}

function stepsOf(text: string): string[] {
  const steps: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === '`') {
      const [name, next] = quotedStep(text, at);
      steps.push(name);
      at = next;
    } else {
      const dot = text.indexOf('.', at);
      steps.push(text.slice(at, dot < 0 ? undefined : dot));
      at = dot < 0 ? text.length : dot + 1;
    }
  }
  if (text.endsWith('.')) steps.push('');
  return steps;
}

/** A name in backticks and where the next step begins. A backtick belongs to the name unless a dot or the end follows; `\` before such a one keeps it. */
function quotedStep(text: string, open: number): [string, number] {
  let name = '';
  for (let at = open + 1; at < text.length; at++) {
    const isEnd = at === text.length - 1;
    if (text[at] !== '`' || !(isEnd || text[at + 1] === '.')) name += text[at];
    else if (text[at - 1] !== '\\') return [name, at + 2];
    else if (isEnd) break;
    else name = `${name.slice(0, -1)}\``;
  }
  throw new ConfigError(`Incomplete backtick pair in path: [${text}], consider adding a backslash before backtick at position ${open} to escape it`);
}
