import { bytesMin, choose, condition, defaultExpression, flexibleCondition, intersect, type PlacedStruct } from './code-shape.js';
import type { Field, FieldType, Message, Struct, VersionRange } from './schema-model.js';

const PLAIN_READS: Record<string, string> = { bool: 'boolean', int8: 'int8', int16: 'int16', uint16: 'uint16', int32: 'int32', uint32: 'uint32', float64: 'float64', uuid: 'uuid' };

/** Emits the functions that turn bytes into the structs of one message. */
export class DecoderEmitter {
  constructor(
    private readonly message: Message,
    private readonly placed: Map<Struct, PlacedStruct>,
  ) {}

  emit(): string[] {
    return [...this.placed.values()].flatMap((it) => this.emitStruct(it));
  }

  private emitStruct(it: PlacedStruct): string[] {
    const flexible = flexibleCondition(this.message, it.versions);
    const body = it.struct.fields.filter((field) => field.tag === undefined).flatMap((field) => this.emitField(field, it.versions));
    const tagged = it.struct.fields.filter((field) => field.tag !== undefined);
    for (const field of tagged) body.push(`let ${local(field)}: ${this.typeOf(field, it)} = ${this.defaultOf(field)};`);
    if (flexible !== false) body.push(...this.emitTags(tagged, it, flexible));
    const names = it.struct.fields.map((field) => (local(field) === field.name ? field.name : `${field.name}: ${local(field)}`));
    const uses = (word: string): boolean => body.some((line) => new RegExp(`\\b${word}\\b`).test(line));
    const head = uses('flexible') ? [`const flexible = ${flexible};`] : [];
    const parameters = `${uses('reader') ? 'reader' : '_reader'}: ByteReader, ${uses('version') || head.length > 0 ? 'version' : '_version'}: number`;
    return [`function decode${it.id}(${parameters}): ${it.typeName} {`, ...[...head, ...body, `return { ${names.join(', ')} };`].map((line) => `  ${line}`), '}', ''];
  }

  private emitField(field: Field, known: VersionRange): string[] {
    const test = condition(field.versions, known);
    const inside = intersect(known, field.versions);
    const owner = [...this.placed.values()].find((it) => it.struct.fields.includes(field));
    if (owner === undefined) throw new Error(`${field.name} has no owner`);
    if (field.type.kind !== 'array') return [`const ${local(field)} = ${choose(test, nested(this.read(field, field.type, inside), test), this.defaultOf(field))};`];
    if (test === true) return this.emitArray(field, owner, inside, `const ${local(field)}: ${this.typeOf(field, owner)} =`);
    const lines = this.emitArray(field, owner, inside, `${local(field)} =`);
    return [`let ${local(field)}: ${this.typeOf(field, owner)} = ${this.defaultOf(field)};`, `if (${test}) {`, ...lines.map((line) => `  ${line}`), '}'];
  }

  /** Reads an array and hands it to `target`, a declaration or an assignment without its value. */
  private emitArray(field: Field, owner: PlacedStruct, inside: VersionRange, target: string): string[] {
    if (field.type.kind !== 'array') throw new Error(`${field.name} is no array`);
    const { element } = field.type;
    const min = bytesMin(element, this.message, inside);
    const flexible = field.rigid ? false : this.flexible(inside);
    const count = (nullable: boolean): string => {
      const compact = nullable ? 'readCompactNullableCount' : 'readCompactCount';
      const plain = nullable ? 'readNullableCount' : 'readCount';
      return choose(flexible, `${compact}(reader, ${min})`, `${plain}(reader, ${min})`);
    };
    const nullable = field.nullable === undefined ? false : condition(field.nullable, inside);
    const isDeclared = nullable === false && target.startsWith('const ');
    const items = isDeclared ? local(field) : `${local(field)}Items`;
    const counted = `${local(field)}Count`;
    const elementType = this.typeOf({ ...field, nullable: undefined }, owner);
    const read = this.read({ ...field, nullable: undefined }, element, inside);
    const loop = [`const ${items}: ${elementType} = [];`, `for (let i = 0; i < ${counted}; i++) ${items}.push(${read});`];
    const start = `const ${counted} = ${choose(nullable, nested(count(true), nullable), nested(count(false), nullable))};`;
    if (isDeclared) return [start, ...loop];
    return [start, ...loop, `${target} ${nullable === false ? items : `${counted} < 0 ? null : ${items}`};`];
  }

  private read(field: Field, type: Exclude<FieldType, { kind: 'array' }> | FieldType, inside: VersionRange): string {
    if (type.kind === 'array') throw new Error('arrays of arrays are not in the notation');
    const nullable = field.nullable === undefined ? false : condition(field.nullable, inside);
    if (type.kind === 'struct') {
      const call = `decode${this.placed.get(type.struct)?.id ?? ''}(reader, version)`;
      return choose(nullable, nested(`${field.tag === undefined ? 'reader.int8() < 0' : 'reader.uint8() === 0'} ? null : ${call}`, nullable), call);
    }
    if (type.primitive === 'int64') return field.exact ? 'reader.bigInt64()' : 'reader.int64()';
    const plain = PLAIN_READS[type.primitive];
    if (plain !== undefined) return `reader.${plain}()`;
    const kind = type.primitive === 'string' ? 'String' : 'Bytes';
    const flexible = field.rigid ? false : this.flexible(inside);
    const variant = (orNull: string): string =>
      choose(flexible, `readCompact${orNull}${kind}(reader)`, `read${orNull}${kind}(reader)`);
    return choose(nullable, nested(variant('Nullable'), nullable), nested(variant(''), nullable));
  }

  private emitTags(tagged: readonly Field[], it: PlacedStruct, flexible: string | boolean): string[] {
    const guard = (lines: string[]): string[] => (flexible === true ? lines : ['if (flexible) {', ...lines.map((line) => `  ${line}`), '}']);
    if (tagged.length === 0) return guard(['skipTags(reader);']);
    const lines = ['for (let tags = reader.uvarint(); tags > 0; tags--) {', '  const tag = reader.uvarint();', '  const size = reader.uvarint();', '  switch (tag) {'];
    for (const field of tagged) {
      const inside = intersect(intersect(it.versions, field.versions), { low: this.message.flexibleFrom ?? 0, high: Number.MAX_SAFE_INTEGER });
      const test = condition(field.versions, intersect(it.versions, { low: this.message.flexibleFrom ?? 0, high: Number.MAX_SAFE_INTEGER }));
      const body =
        field.type.kind === 'array' ? this.emitArray(field, it, inside, `${local(field)} =`) : [`${local(field)} = ${this.read(field, field.type, inside)};`];
      const read = ['const end = tagEnd(reader, size);', ...body, 'expectTagEnd(reader, end, tag);'];
      lines.push(`    case ${field.tag}: {`);
      if (test === true) lines.push(...read.map((line) => `      ${line}`));
      else lines.push(`      if (${test}) {`, ...read.map((line) => `        ${line}`), '      } else reader.skip(size);');
      lines.push('      break;', '    }');
    }
    lines.push('    default:', '      reader.skip(size);', '  }', '}');
    return guard(lines);
  }

  private flexible(inside: VersionRange): string | boolean {
    const test = flexibleCondition(this.message, inside);
    return typeof test === 'boolean' ? test : 'flexible';
  }

  private defaultOf(field: Field): string {
    return defaultExpression(field, this.placed);
  }

  private typeOf(field: Field, owner: PlacedStruct): string {
    const type = `${owner.typeName}['${field.name}']`;
    return field.nullable === undefined && isNullableIn(owner, field) ? `NonNullable<${type}>` : type;
  }
}

function isNullableIn(owner: PlacedStruct, field: Field): boolean {
  return owner.struct.fields.some((it) => it.name === field.name && it.nullable !== undefined);
}

const LOCALS = new Set(['reader', 'writer', 'version', 'flexible', 'message', 'tag', 'tags', 'size', 'end', 'i', 'default', 'delete', 'new', 'in', 'scratch', 'carried']);

/** A field's name as a local variable: not one that the emitted code uses itself. */
export function local(field: Field): string {
  return LOCALS.has(field.name) ? `${field.name}Value` : field.name;
}

/** A choice inside another choice stands in parentheses. */
function nested(text: string, test: string | boolean): string {
  return typeof test === 'string' && text.includes(' ? ') ? `(${text})` : text;
}
