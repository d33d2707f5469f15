import type { EventLoop } from './event-loop.js';

/** What happened, for a reader: the last lines, and all of them as part of the trace. */
export class Journal {
  private readonly lines: string[] = [];
  /** Called with each line, for a live view. */
  onLine: (line: string) => void = () => undefined;

  constructor(private readonly loop: EventLoop, private readonly linesMax = 400) {}

  write(who: string, what: string): void {
    const line = `${(this.loop.nowMs / 1000).toFixed(3).padStart(9)}s ${who}: ${what}`;
    this.loop.note(line);
    if (this.lines.length >= this.linesMax * 2) this.lines.splice(0, this.linesMax);
    this.lines.push(line);
    this.onLine(line);
  }

  last(count: number): readonly string[] {
    return this.lines.slice(-count);
  }
}
