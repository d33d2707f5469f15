import type { EventLoop } from './event-loop.js';

/** What happened, for a reader: the last lines, and all of them as part of the trace. */
export class Journal {
  private readonly lines: string[] = [];
  /** Called with each line, for a live view. */
  onLine: (line: string) => void = () => undefined;

  constructor(private readonly loop: EventLoop, private readonly linesMax = 400) {}

  /** `aside` is for the reader alone: a stack names files of this machine, and the trace is the same on each. */
  write(who: string, what: string, aside?: string): void {
    const noted = `${(this.loop.nowMs / 1000).toFixed(3).padStart(9)}s ${who}: ${what}`;
    const line = aside === undefined ? noted : `${noted} ${aside}`;
    this.loop.note(noted);
    if (this.lines.length >= this.linesMax * 2) this.lines.splice(0, this.linesMax);
    this.lines.push(line);
    this.onLine(line);
  }

  last(count: number): readonly string[] {
    return this.lines.slice(-count);
  }
}
