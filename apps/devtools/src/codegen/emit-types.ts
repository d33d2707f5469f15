import { isOptional, type PlacedStruct } from './code-shape.js';
import type { Field, FieldType, Message, Struct } from './schema-model.js';

function typeText(field: Field, type: FieldType, owner: string, input: boolean): string {
  if (type.kind === 'array') {
    const element = typeText(field, type.element, owner, input);
    return input ? `readonly ${element}[]` : `${element}[]`;
  }
  if (type.kind === 'struct') return `${owner}.${type.struct.name}`;
  switch (type.primitive) {
    case 'bool':
      return 'boolean';
    case 'string':
      return 'string';
    case 'uuid':
      return 'Uuid';
    case 'bytes':
      return 'Uint8Array';
    case 'records':
      return input ? 'Uint8Array | readonly Uint8Array[]' : 'Uint8Array';
    default:
      return field.exact ? 'bigint' : 'number';
  }
}

function members(struct: Struct, owner: string, input: boolean, indent: string): string[] {
  return struct.fields.map((field) => {
    const optional = input && isOptional(field) ? '?' : '';
    const orNull = field.nullable === undefined ? '' : ' | null';
    return `${indent}${input ? 'readonly ' : ''}${field.name}${optional}: ${typeText(field, field.type, owner, input)}${orNull};`;
  });
}

/** An interface for the root, and a namespace of the same name for the structs inside; once as decoded, once as an encoder takes it. */
export function emitTypes(message: Message, placed: Map<Struct, PlacedStruct>): string[] {
  const lines: string[] = [];
  for (const input of [false, true]) {
    const owner = input ? `${message.name}Input` : message.name;
    lines.push(`export interface ${owner} {`, ...members(message.root, owner, input, '  '), '}');
    const nested = [...placed.keys()].filter((struct) => struct !== message.root);
    if (nested.length > 0) {
      lines.push(`export declare namespace ${owner} {`);
      for (const struct of nested) lines.push(`  interface ${struct.name} {`, ...members(struct, owner, input, '    '), '  }');
      lines.push('}');
    }
    lines.push('');
  }
  return lines;
}
