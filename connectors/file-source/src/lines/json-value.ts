import { DataError, type Value } from '@millrace/connect-api';

const DEPTH_MAX = 500;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const WORDS: readonly (readonly [string, Value])[] = [['true', true], ['false', false], ['null', null]];

/** A JSON text as a value without a schema: integers are exact (bigint), objects are maps. Throws DataError. */
export function jsonValue(text: string): Value {
  const parser = new JsonParser(text);
  return parser.whole();
}

class JsonParser {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  whole(): Value {
    const value = this.value();
    this.space();
    if (this.at < this.text.length) this.fail();
    return value;
  }

  private value(): Value {
    this.space();
    const lead = this.text[this.at];
    if (lead === '"') return this.string();
    if (lead === '{' || lead === '[') {
      if (++this.depth > DEPTH_MAX) throw new DataError(`JSON is nested deeper than ${DEPTH_MAX}`);
      const value = lead === '{' ? this.object() : this.array();
      this.depth -= 1;
      return value;
    }
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) this.fail();
    this.at = NUMBER.lastIndex;
    return match[1] === undefined && match[2] === undefined ? BigInt(match[0]) : Number(match[0]);
  }

  private object(): Value {
    const map = new Map<Value, Value>();
    this.at += 1;
    this.space();
    if (this.take('}')) return map;
    for (;;) {
      this.space();
      const key = this.string();
      this.space();
      if (!this.take(':')) this.fail();
      map.set(key, this.value());
      this.space();
      if (this.take('}')) return map;
      if (!this.take(',')) this.fail();
    }
  }

  private array(): Value {
    const items: Value[] = [];
    this.at += 1;
    this.space();
    if (this.take(']')) return items;
    for (;;) {
      items.push(this.value());
      this.space();
      if (this.take(']')) return items;
      if (!this.take(',')) this.fail();
    }
  }

  private string(): string {
    const { text } = this;
    if (text[this.at] !== '"') this.fail();
    const start = this.at;
    let at = start + 1;
    let isPlain = true;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 34) break;
      // Also the end of the text: NaN.
      if (!(code >= 32)) this.fail();
      if (code === 92) {
        isPlain = false;
        at += 1;
      }
      at += 1;
    }
    this.at = at + 1;
    if (isPlain) return text.slice(start + 1, at);
    try {
      return JSON.parse(text.slice(start, at + 1)) as string;
    } catch {
      return this.fail();
    }
  }

  private take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 9 && code !== 10 && code !== 13) return;
      this.at += 1;
    }
  }

  private fail(): never {
    throw new DataError(`not JSON at character ${this.at + 1}`);
  }
}
