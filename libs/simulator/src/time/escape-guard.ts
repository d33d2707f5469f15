import crypto from 'node:crypto';
import fs from 'node:fs';
import zlib from 'node:zlib';

/** Production code by its path, in sources and when compiled. */
const OURS = /libs[\\/](?:log|client|storage|network|platform|protocol|records|partition|metadata|coordinator|raft|foundation)[\\/](?:src|dist)[\\/]/;

type Replaceable = Record<string, unknown>;

/** Where time, chance and the machine can be had without a port. */
function sources(): (readonly [owner: Replaceable, name: string])[] {
  const of = (owner: object, names: readonly string[]): (readonly [Replaceable, string])[] => names.map((name) => [owner as Replaceable, name] as const);
  return [
    ...of(globalThis, ['setTimeout', 'setInterval', 'setImmediate']),
    ...of(Date, ['now']),
    ...of(performance, ['now']),
    ...of(Math, ['random']),
    ...of(process, ['nextTick', 'hrtime']),
    ...of(crypto, ['randomBytes', 'randomInt', 'randomUUID', 'randomFillSync']),
    ...of(fs, ['readFileSync', 'writeFileSync', 'openSync', 'readSync', 'writeSync', 'statSync', 'readdirSync']),
    ...of(fs.promises, ['open', 'readFile', 'writeFile', 'stat', 'statfs', 'readdir', 'mkdir', 'rename', 'rm']),
    ...of(zlib, ['gzip', 'gunzip', 'deflate', 'inflate', 'brotliCompress', 'brotliDecompress']),
  ];
}

/**
 * While it stands, production code that takes time, chance, timers or files from anywhere but its ports is noted: once for each place. Everybody else is let through.
 */
export class EscapeGuard {
  readonly escapes = new Map<string, string>();
  private readonly restore: (() => void)[] = [];

  stand(): void {
    for (const [owner, name] of sources()) {
      const real = owner[name];
      if (typeof real !== 'function') continue;
      const note = (): void => this.note(name);
      const watched = function (this: unknown, ...args: unknown[]): unknown {
        note();
        return Reflect.apply(real, this, args);
      };
      Object.assign(watched, real);
      if (Object.getOwnPropertyDescriptor(owner, name)?.writable === false) continue;
      owner[name] = watched;
      this.restore.push(() => (owner[name] = real));
    }
  }

  leave(): void {
    for (const it of this.restore.splice(0).reverse()) it();
  }

  private note(name: string): void {
    const stack = new Error(name).stack?.split('\n') ?? [];
    // The caller stands behind the three frames of the guard.
    const caller = stack[4] ?? '';
    if (!OURS.test(caller)) return;
    const place = `${name} ${caller.trim()}`;
    if (!this.escapes.has(place)) this.escapes.set(place, stack.slice(4, 9).join('\n'));
  }
}
