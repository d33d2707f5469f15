const DELIMITERS = ':,{}[]"';

/** Cuts a loose literal into delimiters and what stands between them. A backslash takes the meaning from a delimiter; it stays in the token. */
export class LooseTokens {
  private at = 0;
  private peeked: string | undefined;

  constructor(readonly text: string) {}

  hasNext(): boolean {
    return this.peeked !== undefined || this.at < this.text.length;
  }

  next(): string {
    const token = this.peeked ?? this.read();
    this.peeked = undefined;
    return token;
  }

  /** The next `count` tokens as one text; undefined, and nothing consumed, where there are fewer. */
  take(count: number): string | undefined {
    const start = this.mark();
    for (let i = 0; i < count; i++) {
      if (!this.hasNext()) {
        this.rewind(start);
        return undefined;
      }
      this.next();
    }
    return this.text.slice(start, this.at);
  }

  /** Consumes the next token if it is this one, white space aside. White space before it is gone either way. */
  accept(expected: string): boolean {
    if (!this.hasNext()) return false;
    this.peeked ??= this.read();
    while (this.peeked.trim() === '' && this.at < this.text.length) this.peeked = this.read();
    if (this.peeked.trim() !== expected) return false;
    this.peeked = undefined;
    return true;
  }

  mark(): number {
    return this.at - (this.peeked?.length ?? 0);
  }

  rewind(position: number): void {
    this.at = position;
    this.peeked = undefined;
  }

  private read(): string {
    const start = this.at;
    let isEscaped = false;
    for (; this.at < this.text.length; this.at++) {
      const it = this.text[this.at]!;
      if (it === '\\') isEscaped = !isEscaped;
      else if (DELIMITERS.includes(it) && !isEscaped) {
        if (this.at === start) this.at += 1;
        break;
      } else isEscaped = false;
    }
    return this.text.slice(start, this.at);
  }
}
