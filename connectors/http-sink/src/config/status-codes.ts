/** `429`, `500-599`, `400-`: status codes as lists of numbers and ranges. */
export class StatusCodes {
  private constructor(private readonly ranges: readonly (readonly [number, number])[]) {}

  /** Undefined if the text is not such a list. */
  static parse(items: readonly string[]): StatusCodes | undefined {
    const ranges: (readonly [number, number])[] = [];
    for (const item of items) {
      const match = /^(\d{3})(-(\d{3})?)?$/.exec(item.trim());
      if (!match) return undefined;
      const least = Number(match[1]);
      ranges.push([least, match[2] === undefined ? least : match[3] === undefined ? 599 : Number(match[3])]);
    }
    return new StatusCodes(ranges);
  }

  has(status: number): boolean {
    return this.ranges.some(([least, most]) => status >= least && status <= most);
  }
}
