import { ConfigError, DataError, type JsonWriter, type SinkRecord } from '@millrace/connect-api';
import { find, parseTemplate, type Placeholder, type RecordId, type TemplatePiece } from './placeholder.js';
import { percentEncoded, valueText } from './value-text.js';

export interface Target {
  /** `https://host:port` */
  readonly origin: string;
  readonly hostname: string;
  /** With the query. */
  readonly path: string;
}

/** Where in a URL a placeholder stands: the whole beginning, the host, or what must be percent-encoded. */
type Part = 'whole' | 'host' | 'path' | 'query';

/**
 * A URL of pieces. In the path and the query a value is percent-encoded and stays within its segment or parameter; in the host it may
 * only be a part of a host name; at the very beginning it is an absolute URL of its own (`${value.callback_url}`).
 */
export class UrlTemplate {
  private readonly pieces: readonly (string | { readonly placeholder: Placeholder; readonly part: Part })[];
  private last: { readonly text: string; readonly target: Target } | undefined;

  constructor(
    private readonly text: string,
    private readonly setting: string,
  ) {
    this.pieces = withParts(parseTemplate(text.trim(), setting), setting);
    if (this.isStatic) {
      const target = targetOf(this.pieces.join(''));
      if (typeof target === 'string') throw new ConfigError(`Invalid value for configuration ${setting}: ${target}`, setting);
    }
  }

  get isStatic(): boolean {
    return this.pieces.every((it) => typeof it === 'string');
  }

  /** The host that every record goes to; undefined if records decide it. */
  get staticHostname(): string | undefined {
    if (this.pieces.some((it) => typeof it !== 'string' && (it.part === 'whole' || it.part === 'host'))) return undefined;
    const target = targetOf(this.pieces.map((it) => (typeof it === 'string' ? it : 'x')).join(''));
    return typeof target === 'string' ? undefined : target.hostname;
  }

  mentions(root: Placeholder['root']): boolean {
    return this.pieces.some((it) => typeof it !== 'string' && it.placeholder.root === root);
  }

  /** The same with more path behind it, before a query. */
  withPath(more: string): UrlTemplate {
    const { text } = this;
    const query = text.indexOf('?');
    const [path, rest] = query < 0 ? [text, ''] : [text.slice(0, query), text.slice(query)];
    return new UrlTemplate(`${path.replace(/\/$/, '')}/${more}${rest}`, this.setting);
  }

  render(record: SinkRecord, id: RecordId, json: JsonWriter): Target {
    let text = '';
    for (const piece of this.pieces) text += typeof piece === 'string' ? piece : this.pieceText(piece, record, id, json);
    if (this.last?.text === text) return this.last.target;
    const target = targetOf(text);
    if (typeof target === 'string') throw new DataError(`The URL made of the record is refused: ${target}`);
    this.last = { text, target };
    return target;
  }

  private pieceText({ placeholder, part }: { readonly placeholder: Placeholder; readonly part: Part }, record: SinkRecord, id: RecordId, json: JsonWriter): string {
    const text = valueText(find(placeholder, record, id), placeholder, json);
    switch (part) {
      case 'whole':
        if (!/^https?:\/\//i.test(text)) throw new DataError(`${placeholder.text} is not an absolute http or https URL`);
        return text;
      case 'host':
        if (!/^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*$/.test(text)) throw new DataError(`${placeholder.text} is not a part of a host name`);
        return text;
      case 'path':
        // "." and ".." would climb out of their place, an empty one would name the collection above.
        if (text === '' || text === '.' || text === '..') throw new DataError(`${placeholder.text} is ${text === '' ? 'empty' : text}, which cannot be a segment of a path`);
        return percentEncoded(text, placeholder);
      case 'query':
        return percentEncoded(text, placeholder);
    }
  }
}

function withParts(pieces: readonly TemplatePiece[], setting: string): (string | { readonly placeholder: Placeholder; readonly part: Part })[] {
  let before = '';
  return pieces.map((piece, index) => {
    if (typeof piece === 'string') {
      before += piece;
      return piece;
    }
    if (before.includes('#')) throw new ConfigError(`Invalid value for configuration ${setting}: ${piece.text} stands behind #, which is not sent`, setting);
    const startsWhole = typeof pieces[0] !== 'string';
    const authority = before.indexOf('://');
    const isInHost = !startsWhole && (authority < 0 || !/[/?]/.test(before.slice(authority + 3)));
    const part: Part = index === 0 ? 'whole' : isInHost ? 'host' : before.includes('?') ? 'query' : 'path';
    if (part === 'host' && authority < 0) throw new ConfigError(`Invalid value for configuration ${setting}: ${piece.text} stands in the scheme of the URL`, setting);
    before += 'x';
    return { placeholder: piece, part };
  });
}

/** The parts of a URL, or what is wrong with it. */
export function targetOf(text: string): Target | string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'it is not an absolute URL';
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'its scheme is neither http nor https';
  if (url.username !== '' || url.password !== '') return 'it holds a user or a password: use the settings of authorization';
  // Two placeholders of one segment may make ".." together: what the URL parser would resolve is not what was meant.
  const pathText = /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(text)?.[1] ?? '';
  if (pathText.split('/').some((it) => /^(\.|%2e){1,2}$/i.test(it))) return 'its path holds a segment . or ..';
  return { origin: url.origin, hostname: url.hostname, path: url.pathname + url.search };
}
