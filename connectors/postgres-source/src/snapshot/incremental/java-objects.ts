import { javaString } from '../../config/column-rules.js';

/** A value of a key column: its text, and the Java class that Debezium has for it. Null is null. */
export interface KeyPart {
  readonly type: 'Integer' | 'Long' | 'Boolean' | 'UUID' | 'String';
  readonly text: string;
}
export type Key = readonly (KeyPart | null)[];

const NULL = 0x70;
const REFERENCE = 0x71;
const CLASS_DESCRIPTION = 0x72;
const OBJECT = 0x73;
const STRING = 0x74;
const ARRAY = 0x75;
const END_BLOCK = 0x78;
const LONG_STRING = 0x7c;
const FIRST_HANDLE = 0x7e0000;

interface JavaClass {
  readonly name: string;
  readonly serial: bigint;
  readonly fields: readonly (readonly ['I' | 'J' | 'Z', string])[];
  readonly parent?: JavaClass;
}

const NUMBER: JavaClass = { name: 'java.lang.Number', serial: 0x86ac951d0b94e08bn, fields: [] };
const CLASSES: Readonly<Record<Exclude<KeyPart['type'], 'String'>, JavaClass>> = {
  Integer: { name: 'java.lang.Integer', serial: 0x12e2a0a4f7818738n, fields: [['I', 'value']], parent: NUMBER },
  Long: { name: 'java.lang.Long', serial: 0x3b8be490cc8f23dfn, fields: [['J', 'value']], parent: NUMBER },
  Boolean: { name: 'java.lang.Boolean', serial: 0xcd207280d59cfaeen, fields: [['Z', 'value']] },
  UUID: { name: 'java.util.UUID', serial: 0xbc9903f7986d852fn, fields: [['J', 'leastSigBits'], ['J', 'mostSigBits']] },
};
const OBJECT_ARRAY: JavaClass = { name: '[Ljava.lang.Object;', serial: 0x90ce589f1073296cn, fields: [] };

/** A key as Debezium stores it in offsets: an Object[] in Java's serialization, in hexadecimal digits. Null for no key. */
export function serializeKey(key: Key | null): string {
  return new Writer().write(key).toString('hex');
}

class Writer {
  private readonly parts: Buffer[] = [Buffer.from([0xac, 0xed, 0, 5])];
  private readonly handles = new Map<JavaClass, number>();
  private nextHandle = FIRST_HANDLE;

  write(key: Key | null): Buffer {
    if (key === null) this.byte(NULL);
    else {
      this.byte(ARRAY);
      this.describe(OBJECT_ARRAY);
      this.nextHandle += 1;
      this.int(key.length);
      for (const part of key) this.part(part);
    }
    return Buffer.concat(this.parts);
  }

  private part(part: KeyPart | null): void {
    if (part === null) return this.byte(NULL);
    if (part.type === 'String') {
      this.nextHandle += 1;
      this.parts.push(javaString(part.text));
      return;
    }
    this.byte(OBJECT);
    this.describe(CLASSES[part.type]);
    this.nextHandle += 1;
    if (part.type === 'Integer') this.int(Number(part.text));
    else if (part.type === 'Long') this.long(BigInt(part.text));
    else if (part.type === 'Boolean') this.byte(part.text === 't' || part.text === 'true' ? 1 : 0);
    else {
      const digits = part.text.replaceAll('-', '');
      this.long(BigInt.asIntN(64, BigInt(`0x${digits.slice(16)}`)));
      this.long(BigInt.asIntN(64, BigInt(`0x${digits.slice(0, 16)}`)));
    }
  }

  private describe(it: JavaClass | undefined): void {
    if (!it) return this.byte(NULL);
    const known = this.handles.get(it);
    if (known !== undefined) {
      this.byte(REFERENCE);
      return this.int(known);
    }
    this.byte(CLASS_DESCRIPTION);
    this.handles.set(it, this.nextHandle++);
    this.text(it.name);
    this.long(BigInt.asIntN(64, it.serial));
    this.parts.push(Buffer.from([2, it.fields.length >> 8, it.fields.length & 0xff]));
    for (const [code, name] of it.fields) {
      this.parts.push(Buffer.from(code, 'latin1'));
      this.text(name);
    }
    this.byte(END_BLOCK);
    this.describe(it.parent);
  }

  private byte(value: number): void {
    this.parts.push(Buffer.from([value]));
  }

  private int(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value | 0);
    this.parts.push(bytes);
  }

  private long(value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    this.parts.push(bytes);
  }

  private text(value: string): void {
    this.parts.push(Buffer.from([value.length >> 8, value.length & 0xff]), Buffer.from(value, 'latin1'));
  }
}

/** Undefined: it holds something that is not a key of these types. */
export function parseKey(hex: string): Key | null | undefined {
  try {
    return new Reader(Buffer.from(hex, 'hex')).read();
  } catch {
    return undefined;
  }
}

interface ReadClass {
  readonly name: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly parent: ReadClass | null;
}

/** As much of the format as arrays of boxed numbers, booleans, strings and UUIDs need. Throws for anything else. */
class Reader {
  private at = 4;
  private readonly handles: unknown[] = [];

  constructor(private readonly bytes: Buffer) {
    if (bytes.readUInt32BE(0) !== 0xaced0005) throw new Error('not a stream of objects');
  }

  read(): Key | null {
    const tag = this.byte();
    if (tag === NULL) return null;
    if (tag !== ARRAY) throw new Error('not an array');
    this.describe();
    this.handles.push(undefined);
    return Array.from({ length: this.int() }, () => this.part());
  }

  private part(): KeyPart | null {
    const tag = this.byte();
    if (tag === NULL) return null;
    if (tag === REFERENCE) return this.handles[this.int() - FIRST_HANDLE] as KeyPart;
    if (tag === STRING || tag === LONG_STRING) {
      const slot = this.handles.push(undefined) - 1;
      const length = tag === STRING ? this.short() : Number(this.long());
      return this.keep(slot, { type: 'String', text: this.modifiedText(length) });
    }
    if (tag !== OBJECT) throw new Error(`an unexpected tag ${tag}`);
    const described = this.describe();
    const slot = this.handles.push(undefined) - 1;
    return this.keep(slot, this.boxed(described));
  }

  private keep(slot: number, part: KeyPart): KeyPart {
    this.handles[slot] = part;
    return part;
  }

  private boxed(described: ReadClass | null): KeyPart {
    const values = described?.fields.map(([code]) => (code === 'I' ? BigInt(this.int()) : code === 'J' ? this.long() : code === 'S' ? BigInt(this.bytes.readInt16BE((this.at += 2) - 2)) : BigInt(this.byte()))) ?? [];
    switch (described?.name) {
      case 'java.lang.Integer':
      case 'java.lang.Short':
        return { type: 'Integer', text: String(values[0]) };
      case 'java.lang.Long':
        return { type: 'Long', text: String(values[0]) };
      case 'java.lang.Boolean':
        return { type: 'Boolean', text: values[0] === 1n ? 't' : 'f' };
      case 'java.util.UUID': {
        const digits = [values[1], values[0]].map((it) => BigInt.asUintN(64, it ?? 0n).toString(16).padStart(16, '0')).join('');
        return { type: 'UUID', text: digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') };
      }
      default:
        throw new Error(`an unexpected class ${described?.name}`);
    }
  }

  private describe(): ReadClass | null {
    const tag = this.byte();
    if (tag === NULL) return null;
    if (tag === REFERENCE) return this.handles[this.int() - FIRST_HANDLE] as ReadClass;
    if (tag !== CLASS_DESCRIPTION) throw new Error(`an unexpected tag ${tag}`);
    const name = this.text();
    this.at += 8;
    const slot = this.handles.push(undefined) - 1;
    this.at += 1;
    const fields = Array.from({ length: this.short() }, () => [String.fromCharCode(this.byte()), this.text()] as const);
    if (this.byte() !== END_BLOCK) throw new Error('annotations are not expected');
    const described = { name, fields, parent: this.describe() };
    this.handles[slot] = described;
    return described;
  }

  private byte(): number {
    return this.bytes.readUInt8(this.at++);
  }

  private short(): number {
    return this.bytes.readUInt16BE((this.at += 2) - 2);
  }

  private int(): number {
    return this.bytes.readInt32BE((this.at += 4) - 4);
  }

  private long(): bigint {
    return this.bytes.readBigInt64BE((this.at += 8) - 8);
  }

  private text(): string {
    const length = this.short();
    return this.bytes.toString('latin1', (this.at += length) - length, this.at);
  }

  private modifiedText(length: number): string {
    let text = '';
    for (const end = this.at + length; this.at < end; ) {
      const first = this.byte();
      if (first < 0x80) text += String.fromCharCode(first);
      else if (first < 0xe0) text += String.fromCharCode(((first & 0x1f) << 6) | (this.byte() & 0x3f));
      else text += String.fromCharCode(((first & 0x0f) << 12) | ((this.byte() & 0x3f) << 6) | (this.byte() & 0x3f));
    }
    return text;
  }
}
