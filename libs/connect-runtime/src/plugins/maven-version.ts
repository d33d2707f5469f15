import { ConfigError } from '@millrace/connect-api';
import { errorMessage } from '@millrace/foundation';

type Item = number | string | readonly Item[];

/** Qualifiers that Maven knows, from old to new; '' is a release. */
const QUALIFIERS = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp'];
const SAME_AS: Readonly<Record<string, string>> = { cr: 'rc', ga: '', final: '', release: '' };
const SHORT: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone' };

/** As Maven orders versions (and Java Connect those of plugins): negative when `a` is the older one. */
export function compareVersions(a: string, b: string): number {
  return compareItems(itemsOf(a), itemsOf(b));
}

/** Numbers and words, with a list of its own behind each dash, for each word, and for a number right behind a word. */
function itemsOf(version: string): readonly Item[] {
  const root: Item[] = [];
  let list = root;
  const nest = (): void => {
    const inner: Item[] = [];
    list.push(inner);
    list = inner;
  };
  const parts = version.toLowerCase().matchAll(/(\d+)|([^\d.-]+)|([.-])/g);
  let last: 'number' | 'word' | 'dot' | 'dash' | undefined;
  for (const { 1: digits, 2: word, 3: separator, index } of parts) {
    if (separator !== undefined) {
      if (last === 'dot' || last === 'dash' || last === undefined) list.push(0);
      if (separator === '-') nest();
      last = separator === '-' ? 'dash' : 'dot';
    } else if (digits !== undefined) {
      if (last === 'word') nest();
      list.push(Number(digits));
      last = 'number';
    } else if (word !== undefined) {
      if (last === 'number' || last === 'dot') nest();
      const isBeforeDigit = /^\d/.test(version.slice(index + word.length));
      const long = isBeforeDigit ? (SHORT[word] ?? word) : word;
      list.push(SAME_AS[long] ?? long);
      last = 'word';
    }
  }
  trim(root);
  return root;
}

/** Zeros, releases and empty lists at the end of a list say nothing. */
function trim(list: Item[]): void {
  for (const it of list) if (typeof it === 'object') trim(it as Item[]);
  for (let i = list.length - 1; i >= 0; i--) {
    const it = list[i]!;
    if (isNothing(it)) list.splice(i, 1);
    else if (typeof it !== 'object') return;
  }
}

function isNothing(item: Item): boolean {
  return item === 0 || item === '' || (typeof item === 'object' && item.length === 0);
}

function compareItems(a: Item | undefined, b: Item | undefined): number {
  if (a === undefined) return b === undefined ? 0 : -compareItems(b, undefined);
  if (typeof a === 'number') {
    if (b === undefined) return a === 0 ? 0 : 1;
    return typeof b === 'number' ? a - b : 1;
  }
  if (typeof a === 'string') {
    if (b === undefined || typeof b === 'string') return compareWords(a, b ?? '');
    return -1;
  }
  if (b === undefined) {
    for (const it of a) {
      const result = compareItems(it, undefined);
      if (result !== 0) return result;
    }
    return 0;
  }
  if (typeof b === 'number') return -1;
  if (typeof b === 'string') return 1;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const result = compareItems(a[i], b[i]);
    if (result !== 0) return result;
  }
  return 0;
}

/** Unknown words come behind all known ones, by the alphabet. */
function compareWords(a: string, b: string): number {
  const rank = (it: string): string => {
    const index = QUALIFIERS.indexOf(it);
    return index < 0 ? `${QUALIFIERS.length}-${it}` : String(index);
  };
  const [left, right] = [rank(a), rank(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

interface Restriction {
  readonly lower: string | undefined;
  readonly hasLower: boolean;
  readonly upper: string | undefined;
  readonly hasUpper: boolean;
}

/** Versions in Maven's notation: `[1.0,2.0)`, `(,1.0],[1.2,)`. A bare version stands for itself alone, as everywhere in Connect. */
export class VersionRange {
  private constructor(private readonly restrictions: readonly Restriction[]) {}

  /** Undefined for the newest: no text, or `latest`. Throws ConfigError with Maven's words. */
  static of(text: string | null | undefined): VersionRange | undefined {
    if (text === null || text === undefined || text === 'latest') return undefined;
    const spec = text.trim();
    return new VersionRange(restrictionsOf(/^[[(]/.test(spec) ? spec : `[${spec}]`));
  }

  contains(version: string): boolean {
    return this.restrictions.some(({ lower, hasLower, upper, hasUpper }) => {
      const fromLower = lower === undefined ? 1 : compareVersions(version, lower);
      const fromUpper = upper === undefined ? -1 : compareVersions(version, upper);
      return (fromLower > 0 || (fromLower === 0 && hasLower)) && (fromUpper < 0 || (fromUpper === 0 && hasUpper));
    });
  }

  toString(): string {
    return this.restrictions.map(({ lower, hasLower, upper, hasUpper }) => `${hasLower ? '[' : '('}${lower ?? ''},${upper ?? ''}${hasUpper ? ']' : ')'}`).join(',');
  }
}

/** Why the text is no range of versions; nothing when it is one. */
export function rangeProblem(text: string): string | undefined {
  try {
    VersionRange.of(text);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

function restrictionsOf(spec: string): Restriction[] {
  const restrictions: Restriction[] = [];
  let rest = spec;
  let highest: string | undefined;
  while (/^[[(]/.test(rest)) {
    const end = /[\])]/.exec(rest)?.index ?? -1;
    if (end < 0) throw new ConfigError(`Unbounded range: ${spec}`);
    const restriction = restrictionOf(rest.slice(0, end + 1));
    const { lower, upper } = restriction;
    if (highest !== undefined && (lower === undefined || compareVersions(lower, highest) < 0)) throw new ConfigError(`Ranges overlap: ${spec}`);
    restrictions.push(restriction);
    highest = upper;
    rest = rest.slice(end + 1).trim();
    if (rest.startsWith(',')) rest = rest.slice(1).trim();
  }
  if (rest !== '') throw new ConfigError(`Only fully-qualified sets allowed in multiple set scenario: ${spec}`);
  return restrictions;
}

function restrictionOf(spec: string): Restriction {
  const hasLower = spec.startsWith('[');
  const hasUpper = spec.endsWith(']');
  const inner = spec.slice(1, -1).trim();
  const comma = inner.indexOf(',');
  if (comma < 0) {
    if (!hasLower || !hasUpper) throw new ConfigError(`Single version must be surrounded by []: ${spec}`);
    return { lower: inner, hasLower, upper: inner, hasUpper };
  }
  const lower = inner.slice(0, comma).trim() || undefined;
  const upper = inner.slice(comma + 1).trim() || undefined;
  if (lower !== undefined && upper !== undefined) {
    const order = compareVersions(upper, lower);
    if (order < 0 || (order === 0 && !(hasLower && hasUpper))) throw new ConfigError(`Range defies version ordering: ${spec}`);
  }
  return { lower, hasLower, upper, hasUpper };
}
