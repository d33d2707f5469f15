export const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'OFF'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerLevel {
  readonly level: LogLevel;
  /** When it was set at run time, or null. */
  readonly lastModifiedMs: number | null;
}

/** Levels by logger name, changed at run time (KIP-495, KIP-976). A name without a level of its own has that of its nearest ancestor in dots, in the end `root`'s. */
export class LogLevels {
  private readonly levels = new Map<string, LoggerLevel>();
  private readonly effective = new Map<string, number>();

  constructor(root: LogLevel) {
    this.levels.set('root', { level: root, lastModifiedMs: null });
  }

  /** Every logger that has a level of its own. */
  all(): ReadonlyMap<string, LoggerLevel> {
    return this.levels;
  }

  get(name: string): LoggerLevel | undefined {
    return this.levels.get(name) ?? (this.effective.has(name) ? { level: LOG_LEVELS[this.threshold(name)] ?? 'INFO', lastModifiedMs: null } : undefined);
  }

  /** Sets the logger and all below it; returns their names. */
  set(name: string, level: LogLevel, nowMs: number): string[] {
    const below = [...this.levels.keys()].filter((it) => name === 'root' || it.startsWith(`${name}.`));
    const touched = [...new Set([name, ...below])].sort();
    for (const it of touched) this.levels.set(it, { level, lastModifiedMs: nowMs });
    this.effective.clear();
    return touched;
  }

  isEnabled(name: string, level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.threshold(name);
  }

  private threshold(name: string): number {
    const known = this.effective.get(name);
    if (known !== undefined) return known;
    let ancestor = name;
    while (!this.levels.has(ancestor)) ancestor = ancestor.includes('.') ? ancestor.slice(0, ancestor.lastIndexOf('.')) : 'root';
    const threshold = LOG_LEVELS.indexOf(this.levels.get(ancestor)?.level ?? 'INFO');
    this.effective.set(name, threshold);
    return threshold;
  }
}
