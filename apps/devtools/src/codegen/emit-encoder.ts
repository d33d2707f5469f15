import { condition, defaultExpression, flexibleCondition, intersect, isNotDefault, isOptional, type PlacedStruct } from './code-shape.js';
import { local } from './emit-decoder.js';
import type { Field, FieldType, Message, Struct, VersionRange } from './schema-model.js';

const PLAIN_WRITES: Record<string, string> = { bool: 'boolean', int8: 'int8', int16: 'int16', uint16: 'uint16', int32: 'int32', uint32: 'uint32', float64: 'float64', uuid: 'uuid' };

/** Emits the functions that turn the structs of one message into bytes, and what they need: defaults and comparisons with defaults. */
export class EncoderEmitter {
  constructor(
    private readonly message: Message,
    private readonly placed: Map<Struct, PlacedStruct>,
  ) {}

  emit(): string[] {
    return [...this.placed.values()].flatMap((it) => this.emitStruct(it));
  }

  /** Default values and `isDefault` for the structs whose field may be absent on the wire. */
  emitDefaults(): string[] {
    const wanted = new Set<Struct>();
    const want = (struct: Struct): void => {
      wanted.add(struct);
      for (const field of struct.fields) if (field.type.kind === 'struct' && field.default !== 'null') want(field.type.struct);
    };
    for (const { struct } of this.placed.values()) {
      for (const field of struct.fields) if (field.type.kind === 'struct' && isOptional(field) && field.default !== 'null') want(field.type.struct);
    }
    return [...this.placed.values()].filter((it) => wanted.has(it.struct)).flatMap((it) => this.emitDefault(it));
  }

  private emitDefault(it: PlacedStruct): string[] {
    const values = it.struct.fields.map((field) => `${field.name}: ${this.defaultOf(field)}`);
    const checks = it.struct.fields.map((field) => {
      const value = `message.${field.name}`;
      const differs = isNotDefault(field, value, this.placed);
      return isOptional(field) ? `(${value} === undefined || !(${differs}))` : `!(${differs})`;
    });
    return [
      `function default${it.id}(): ${it.typeName} {`,
      `  return { ${values.join(', ')} };`,
      '}',
      `function isDefault${it.id}(message: ${it.inputName}): boolean {`,
      `  return ${checks.join(' && ')};`,
      '}',
      '',
    ];
  }

  private emitStruct(it: PlacedStruct): string[] {
    const flexible = flexibleCondition(this.message, it.versions);
    const body = it.struct.fields.flatMap((field) => (field.tag === undefined ? this.emitField(field, it) : this.emitTaggedCheck(field, it)));
    const tagged = it.struct.fields.filter((field) => field.tag !== undefined).sort((a, b) => (a.tag ?? 0) - (b.tag ?? 0));
    if (flexible !== false) body.push(...this.emitTags(tagged, it, flexible));
    const uses = (word: string): boolean => body.some((line) => new RegExp(`\\b${word}\\b`).test(line));
    const head = uses('flexible') ? [`const flexible = ${flexible};`] : [];
    const name = (word: string, forced = false): string => (forced || uses(word) ? word : `_${word}`);
    const parameters = `${name('writer')}: ByteWriter, ${name('message')}: ${it.inputName}, ${name('version', head.length > 0)}: number`;
    return [`function encode${it.id}(${parameters}): void {`, ...[...head, ...body].map((line) => `  ${line}`), '}', ''];
  }

  private value(field: Field): string {
    const value = `message.${field.name}`;
    if (!isOptional(field)) return value;
    const fallback = this.defaultOf(field);
    return field.nullable !== undefined && fallback !== 'null' ? `${value} === undefined ? ${fallback} : ${value}` : `${value} ?? ${fallback}`;
  }

  private emitField(field: Field, it: PlacedStruct): string[] {
    const test = condition(field.versions, it.versions);
    const inside = intersect(it.versions, field.versions);
    const name = local(field);
    const declare = `const ${name} = ${this.value(field)};`;
    const write = this.write(field, field.type, name, inside, it);
    if (test === true) return [declare, ...write];
    const refuse = field.ignorable ? [] : [`else if (${isNotDefault(field, name, this.placed)}) throw notCarried('${it.typeName}.${field.name}', version);`];
    const carried = [`if (${test}) {`, ...write.map((line) => `  ${line}`), '}'];
    const joined = refuse.length === 0 ? carried : [...carried.slice(0, -1), `} ${refuse[0]}`];
    return [declare, ...joined];
  }

  /** Statements that write `value`. */
  private write(field: Field, type: FieldType, value: string, inside: VersionRange, it: PlacedStruct): string[] {
    const nullable = field.nullable === undefined ? undefined : condition(field.nullable, inside);
    const flexible = field.rigid ? false : this.flexible(inside);
    const lines: string[] = [];
    const refusal = `throw notNullable('${it.typeName}.${field.name}', version);`;
    if (type.kind === 'primitive') {
      if (nullable !== undefined && nullable !== true) {
        lines.push(nullable === false ? `if (${value} === null) ${refusal}` : `if (${value} === null && !(${nullable})) ${refusal}`);
      }
      return [...lines, this.writePrimitive(field, type, value, flexible, nullable !== undefined && nullable !== false)];
    }
    if (nullable === undefined) return type.kind === 'array' ? this.writeArray(field, type, value, flexible) : [this.writeStruct(type.struct, value)];
    const isNull =
      type.kind === 'struct'
        ? `writer.int8(${field.tag === undefined ? -1 : 0});`
        : typeof flexible === 'boolean'
          ? flexible
            ? 'writer.uint8(0);'
            : 'writer.int32(-1);'
          : `if (flexible) writer.uint8(0); else writer.int32(-1);`;
    const onNull = nullable === true ? [isNull] : nullable === false ? [refusal] : [`if (!(${nullable})) ${refusal}`, isNull];
    const mark = nullable === true ? ['writer.int8(1);'] : nullable === false ? [] : [`if (${nullable}) writer.int8(1);`];
    const onValue = type.kind === 'struct' ? [...mark, this.writeStruct(type.struct, value)] : this.writeArray(field, type, value, flexible);
    return [`if (${value} === null) {`, ...onNull.map((line) => `  ${line}`), '} else {', ...onValue.map((line) => `  ${line}`), '}'];
  }

  private writePrimitive(field: Field, type: FieldType & { kind: 'primitive' }, value: string, flexible: string | boolean, nullable: boolean): string {
    if (type.primitive === 'int64') return field.exact ? `writer.bigInt64(${value});` : `writer.int64(${value});`;
    const plain = PLAIN_WRITES[type.primitive];
    if (plain !== undefined) return `writer.${plain}(${value});`;
    const kind = type.primitive === 'string' ? 'String' : type.primitive === 'bytes' ? 'Bytes' : 'Records';
    const orNull = nullable ? 'Nullable' : '';
    if (typeof flexible === 'boolean') return `write${flexible ? 'Compact' : ''}${orNull}${kind}(writer, ${value});`;
    return `if (flexible) writeCompact${orNull}${kind}(writer, ${value}); else write${orNull}${kind}(writer, ${value});`;
  }

  private writeArray(field: Field, type: FieldType & { kind: 'array' }, value: string, flexible: string | boolean): string[] {
    const count =
      typeof flexible === 'boolean'
        ? flexible
          ? `writer.uvarint(${value}.length + 1);`
          : `writer.int32(${value}.length);`
        : `if (flexible) writer.uvarint(${value}.length + 1); else writer.int32(${value}.length);`;
    const item = type.element.kind === 'struct' ? this.writeStruct(type.element.struct, 'item') : this.writePrimitive(field, type.element, 'item', flexible, false);
    return [count, `for (const item of ${value}) {`, `  ${item}`, '}'];
  }

  private writeStruct(struct: Struct, value: string): string {
    return `encode${this.placed.get(struct)?.id ?? ''}(writer, ${value}, version);`;
  }

  private flexibleRange(it: PlacedStruct): VersionRange {
    return intersect(it.versions, { low: this.message.flexibleFrom ?? 0, high: Number.MAX_SAFE_INTEGER });
  }

  private emitTaggedCheck(field: Field, it: PlacedStruct): string[] {
    const declare = `const ${local(field)} = ${this.value(field)};`;
    const test = condition(field.versions, it.versions);
    if (test === true || field.ignorable) return [declare];
    return [declare, `if (!(${test}) && (${isNotDefault(field, local(field), this.placed)})) throw notCarried('${it.typeName}.${field.name}', version);`];
  }

  private emitTags(tagged: readonly Field[], it: PlacedStruct, flexible: string | boolean): string[] {
    const guard = (lines: string[]): string[] => (flexible === true ? lines : ['if (flexible) {', ...lines.map((line) => `  ${line}`), '}']);
    if (tagged.length === 0) return guard(['writer.uint8(0);']);
    const known = this.flexibleRange(it);
    const set = (field: Field): string => `${local(field)}Set`;
    const lines = tagged.map((field) => {
      const test = condition(field.versions, known);
      const differs = isNotDefault(field, local(field), this.placed);
      return `const ${set(field)} = ${test === true ? differs : `${test} && (${differs})`};`;
    });
    lines.push(`writer.uvarint(${tagged.map((field) => `(${set(field)} ? 1 : 0)`).join(' + ')});`);
    for (const field of tagged) {
      const inside = intersect(known, field.versions);
      const write = this.write(field, field.type, local(field), inside, it).map((line) => line.replaceAll(/\bwriter\b/g, 'scratch'));
      lines.push(`if (${set(field)}) {`, '  const scratch = new ByteWriter(64);', ...write.map((line) => `  ${line}`), `  writeTag(writer, ${field.tag}, scratch);`, '}');
    }
    return guard(lines);
  }

  private flexible(inside: VersionRange): string | boolean {
    const test = flexibleCondition(this.message, inside);
    return typeof test === 'boolean' ? test : 'flexible';
  }

  private defaultOf(field: Field): string {
    return defaultExpression(field, this.placed);
  }
}
