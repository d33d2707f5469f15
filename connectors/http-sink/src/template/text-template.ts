import { DataError, type JsonWriter, type SinkRecord } from '@millrace/connect-api';
import { find, parseTemplate, type Placeholder, type RecordId } from './placeholder.js';
import { percentEncoded, valueText, xmlEscaped } from './value-text.js';

/** What a body's values must be escaped for. */
export type Escaping = 'json' | 'xml' | 'form' | 'none';
/** In JSON: a value of its own, or a part of a string. */
type Place = 'json-value' | 'json-string' | 'xml' | 'form' | 'none';

/** The escaping that a content type needs. */
export function escapingFor(contentType: string): Escaping {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type.endsWith('/json') || type.endsWith('+json') || type.endsWith('ndjson')) return 'json';
  if (type.endsWith('/xml') || type.endsWith('+xml') || type === 'text/html') return 'xml';
  return type === 'application/x-www-form-urlencoded' ? 'form' : 'none';
}

/** A body of pieces: each value is escaped for the place where it stands. */
export class BodyTemplate {
  private readonly pieces: readonly (string | { readonly placeholder: Placeholder; readonly place: Place })[];

  constructor(text: string, escaping: Escaping, setting: string) {
    const inString = new JsonStringTracker();
    this.pieces = parseTemplate(text, setting).map((piece) => {
      if (typeof piece !== 'string') return { placeholder: piece, place: escaping !== 'json' ? escaping : inString.isInside ? 'json-string' : 'json-value' };
      if (escaping === 'json') inString.read(piece);
      return piece;
    });
  }

  render(record: SinkRecord, id: RecordId, json: JsonWriter): Uint8Array {
    let text = '';
    for (const piece of this.pieces) text += typeof piece === 'string' ? piece : pieceText(piece, record, id, json);
    return Buffer.from(text, 'utf8');
  }
}

function pieceText({ placeholder, place }: { readonly placeholder: Placeholder; readonly place: Place }, record: SinkRecord, id: RecordId, json: JsonWriter): string {
  const found = find(placeholder, record, id);
  if (place === 'json-value') return json.textOf(found.schema, found.value);
  const text = valueText(found, placeholder, json);
  switch (place) {
    case 'json-string':
      return JSON.stringify(text).slice(1, -1);
    case 'xml':
      return xmlEscaped(text);
    case 'form':
      return percentEncoded(text, placeholder);
    case 'none':
      return text;
  }
}

/** Whether the end of the text read so far lies within a string of JSON. */
class JsonStringTracker {
  isInside = false;
  private isEscaped = false;

  read(text: string): void {
    for (const char of text) {
      if (this.isEscaped) this.isEscaped = false;
      else if (this.isInside && char === '\\') this.isEscaped = true;
      else if (char === '"') this.isInside = !this.isInside;
    }
  }
}

/** One header: a fixed name, a value of pieces. */
export class HeaderTemplate {
  private readonly pieces: readonly (string | Placeholder)[];

  constructor(
    readonly name: string,
    text: string,
    setting: string,
  ) {
    this.pieces = parseTemplate(text, setting);
  }

  get isStatic(): boolean {
    return this.pieces.every((it) => typeof it === 'string');
  }

  /** The value of a header without placeholders. */
  staticText(): string {
    return headerOctets(this.pieces.filter((it) => typeof it === 'string').join(''));
  }

  /** As octets of UTF-8, one a character. DataError for what no header may hold: it would end the header and begin another. */
  render(record: SinkRecord, id: RecordId, json: JsonWriter): string {
    let text = '';
    for (const piece of this.pieces) {
      const more = typeof piece === 'string' ? piece : valueText(find(piece, record, id), piece, json);
       
      if (typeof piece !== 'string' && /[\u0000-\u0008\u000a-\u001f\u007f]/.test(more)) throw new DataError(`${piece.text} holds a control character, which the header ${this.name} cannot carry`);
      text += more;
    }
    return headerOctets(text);
  }
}

function headerOctets(text: string): string {
   
  return /^[\u0000-\u007f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}
