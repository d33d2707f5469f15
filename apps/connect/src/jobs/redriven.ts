/** Which letters a redrive is about; an empty one is about all. */
export interface LetterFilter {
  readonly stages?: readonly string[] | undefined;
  readonly classes?: readonly string[] | undefined;
}

/** What a dead letter's context headers say about its failure. */
export interface LetterFailure {
  readonly stage: string | undefined;
  readonly exceptionClass: string | undefined;
}

export function matches({ stages, classes }: LetterFilter, { stage, exceptionClass }: LetterFailure): boolean {
  if (stages && (stage === undefined || !stages.includes(stage))) return false;
  return !classes || (exceptionClass !== undefined && classes.some((it) => it === exceptionClass || it === exceptionClass.slice(exceptionClass.lastIndexOf('.') + 1)));
}

/** [from, to): within it, the letters that match the filter have been redriven. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly filter: LetterFilter;
}

/** Brokers refuse longer ones by default (4096). */
const METADATA_CHARS_MAX = 4000;

/**
 * What has been redriven of one partition, over all redrives. It is kept as an offset commit: everything below the offset is done, and
 * the metadata tells of pieces beyond it, which redrives with filters or of a part leave behind.
 */
export class Redriven {
  private constructor(
    private readonly done: number,
    private readonly pieces: readonly Piece[],
  ) {}

  /** `beginning` is the partition's first offset: what is gone needs no redrive. Metadata that is not ours counts as none. */
  static of(beginning: number, commit: { readonly offset: number; readonly metadata: string } | undefined): Redriven {
    return new Redriven(Math.max(beginning, commit?.offset ?? 0), commit ? piecesOf(commit.metadata) : []).joined();
  }

  /** Everything below it is done. */
  get below(): number {
    return this.done;
  }

  has(offset: number, letter: LetterFailure): boolean {
    return offset < this.done || this.pieces.some((it) => offset >= it.from && offset < it.to && matches(it.filter, letter));
  }

  with(from: number, to: number, filter: LetterFilter): Redriven {
    return to <= from ? this : new Redriven(this.done, [...this.pieces, { from, to, filter }]).joined();
  }

  get metadata(): string {
    return this.pieces.length === 0 ? '' : JSON.stringify(this.pieces.map(({ from, to, filter }) => [from, to, filter.stages ?? null, filter.classes ?? null]));
  }

  get fits(): boolean {
    return Buffer.byteLength(this.metadata) <= METADATA_CHARS_MAX;
  }

  private joined(): Redriven {
    const byFilter = new Map<string, Piece[]>();
    for (const piece of [...this.pieces].sort((a, b) => a.from - b.from)) {
      const key = filterKey(piece.filter);
      const list = byFilter.get(key) ?? [];
      byFilter.set(key, list);
      const last = list.at(-1);
      if (last && piece.from <= last.to) list[list.length - 1] = { ...last, to: Math.max(last.to, piece.to) };
      else list.push(piece);
    }
    const whole = byFilter.get(filterKey({})) ?? [];
    const done = Math.max(this.done, ...whole.filter((it) => it.from <= this.done).map((it) => it.to));
    const open = whole.filter((it) => it.from > done);
    byFilter.delete(filterKey({}));
    const partial = [...byFilter.values()].flat().filter((it) => it.to > done && !open.some((all) => all.from <= it.from && it.to <= all.to));
    return new Redriven(done, [...open, ...partial.map((it) => ({ ...it, from: Math.max(it.from, done) }))].sort((a, b) => a.from - b.from));
  }
}

function filterKey({ stages, classes }: LetterFilter): string {
  const sorted = (list: readonly string[] | undefined): readonly string[] | null => (list ? [...new Set(list)].sort() : null);
  return JSON.stringify([sorted(stages), sorted(classes)]);
}

function piecesOf(metadata: string): Piece[] {
  let json: unknown;
  try {
    json = JSON.parse(metadata);
  } catch {
    return [];
  }
  if (!Array.isArray(json)) return [];
  return json.flatMap((it: unknown): Piece[] => {
    if (!Array.isArray(it)) return [];
    const [from, to, stages, classes] = it as unknown[];
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || !isTexts(stages) || !isTexts(classes)) return [];
    return [{ from: from as number, to: to as number, filter: { stages: stages ?? undefined, classes: classes ?? undefined } }];
  });
}

function isTexts(value: unknown): value is readonly string[] | null {
  return value === null || (Array.isArray(value) && value.every((it) => typeof it === 'string'));
}
