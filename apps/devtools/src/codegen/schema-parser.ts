import { PRIMITIVES, type ApiSchema, type Field, type FieldType, type Message, type Primitive, type SchemaFile, type Struct, type VersionRange } from './schema-model.js';

interface Line {
  readonly number: number;
  readonly indent: number;
  readonly words: readonly string[];
}

/** Words are split at blanks; a double-quoted text is one word. */
function splitLines(text: string): Line[] {
  return text.split('\n').flatMap((raw, index) => {
    const content = raw.replace(/(^|\s)#.*$/, '').trimEnd();
    if (content.trim() === '') return [];
    const indent = content.length - content.trimStart().length;
    return [{ number: index + 1, indent, words: content.trim().match(/"[^"]*"|\S+/g) ?? [] }];
  });
}

/** Reads the notation that libs/protocol/README.md describes. Throws an error with file and line for anything it does not know. */
export class SchemaParser {
  private readonly lines: readonly Line[];
  private at = 0;

  constructor(
    private readonly name: string,
    text: string,
  ) {
    this.lines = splitLines(text);
  }

  parse(): SchemaFile {
    const first = this.lines[0];
    if (first === undefined) throw new Error(`${this.name}: empty schema`);
    if (first.words[0] === 'api') return { name: this.name, api: this.parseApi(), messages: [] };
    const messages: Message[] = [];
    while (this.at < this.lines.length) messages.push(this.parseMessage());
    return { name: this.name, messages };
  }

  private parseApi(): ApiSchema {
    const line = this.next();
    const [, key = '', name = '', range = '', ...rest] = line.words;
    const versions = this.range(line, range, Number.NaN);
    const flexibleFrom = this.flexible(line, rest);
    let advertised = versions;
    let responseHeader: number | undefined;
    const bodies = new Map<string, Message>();
    while (this.at < this.lines.length) {
      const it = this.next();
      const [word = '', value = ''] = it.words;
      if (word === 'advertise') advertised = this.range(it, value, versions.high);
      else if (word === 'responseHeader') responseHeader = this.integer(it, value);
      else if (word === 'request' || word === 'response') {
        const messageName = `${name}${word === 'request' ? 'Request' : 'Response'}`;
        bodies.set(word, { name: messageName, versions, flexibleFrom, root: this.parseRoot(messageName, versions) });
      } else throw this.error(it, `unknown word ${word}`);
    }
    const request = bodies.get('request');
    const response = bodies.get('response');
    if (request === undefined || response === undefined) throw this.error(line, 'an api has a request and a response');
    return { key: this.integer(line, key), name, versions, flexibleFrom, advertised, ...(responseHeader === undefined ? {} : { responseHeader }), request, response };
  }

  private parseMessage(): Message {
    const line = this.next();
    const [word, name = '', range = '', ...rest] = line.words;
    if (word !== 'message') throw this.error(line, `"message" expected, not ${word}`);
    const versions = this.range(line, range, Number.NaN);
    const keyAt = rest.indexOf('key');
    const key = keyAt < 0 ? undefined : this.integer(line, rest[keyAt + 1] ?? '');
    return { name, versions, flexibleFrom: this.flexible(line, rest), ...(key === undefined ? {} : { key }), root: this.parseRoot(name, versions) };
  }

  private flexible(line: Line, rest: readonly string[]): number | null {
    const at = rest.indexOf('flexible');
    return at < 0 ? null : this.range(line, rest[at + 1] ?? '', Number.MAX_SAFE_INTEGER).low;
  }

  private parseRoot(name: string, versions: VersionRange): Struct {
    const structs = new Map<string, Struct>();
    return { name, fields: this.parseFields(2, versions, structs) };
  }

  private parseFields(indent: number, versions: VersionRange, structs: Map<string, Struct>): Field[] {
    const fields: Field[] = [];
    for (let line = this.lines[this.at]; line !== undefined && line.indent >= indent; line = this.lines[this.at]) {
      if (line.indent > indent) throw this.error(line, `indented by ${line.indent}, not ${indent}`);
      this.at += 1;
      fields.push(this.parseField(line, versions, structs));
    }
    return fields;
  }

  private parseField(line: Line, message: VersionRange, structs: Map<string, Struct>): Field {
    const [name = '', typeWord = '', ...modifiers] = line.words;
    const match = /^(\[\])?(\w+)(\?)?$/.exec(typeWord);
    if (match === null) throw this.error(line, `unknown type ${typeWord}`);
    const field: { -readonly [Key in keyof Field]: Field[Key] } = { name, type: this.type(line, match, message, structs), ignorable: false, rigid: false, exact: false };
    if (match[3] === '?') field.nullable = message;
    for (let at = 0; at < modifiers.length; at++) {
      const word = modifiers[at] ?? '';
      const argument = (): string => modifiers[++at] ?? '';
      if (word === 'ignorable' || word === 'rigid' || word === 'exact') field[word] = true;
      else if (word === '=') field.default = argument().replace(/^"(.*)"$/, '$1');
      else if (word === 'tag') field.tag = this.integer(line, argument());
      else if (word === 'null') field.nullable = this.range(line, argument(), message.high);
      else if (/^\d/.test(word)) field.versions = this.range(line, word, message.high);
      else throw this.error(line, `unknown word ${word}`);
    }
    return field;
  }

  private type(line: Line, match: RegExpExecArray, message: VersionRange, structs: Map<string, Struct>): FieldType {
    const word = match[2] ?? '';
    let element: Exclude<FieldType, { kind: 'array' }>;
    if ((PRIMITIVES as readonly string[]).includes(word)) element = { kind: 'primitive', primitive: word as Primitive };
    else {
      const child = this.lines[this.at];
      const hasFields = child !== undefined && child.indent > line.indent;
      const known = structs.get(word);
      if (hasFields && known !== undefined) throw this.error(line, `${word} has its fields already`);
      if (!hasFields && known === undefined) throw this.error(line, `${word} has no fields`);
      const struct = known ?? { name: word, fields: this.parseFields(line.indent + 2, message, structs) };
      structs.set(word, struct);
      element = { kind: 'struct', struct };
    }
    return match[1] === '[]' ? { kind: 'array', element } : element;
  }

  private range(line: Line, text: string, high: number): VersionRange {
    const match = /^(\d+)(\+|-(\d+))?$/.exec(text);
    if (match === null) throw this.error(line, `versions expected, not "${text}"`);
    const low = Number(match[1]);
    return { low, high: match[2] === undefined ? low : match[2] === '+' ? high : Number(match[3]) };
  }

  private integer(line: Line, text: string): number {
    if (!/^\d+$/.test(text)) throw this.error(line, `number expected, not "${text}"`);
    return Number(text);
  }

  private next(): Line {
    const line = this.lines[this.at];
    if (line === undefined) throw new Error(`${this.name}: ends too early`);
    this.at += 1;
    return line;
  }

  private error(line: Line, message: string): Error {
    return new Error(`${this.name}.schema:${line.number}: ${message}`);
  }
}
