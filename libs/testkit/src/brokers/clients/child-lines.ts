import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** Hands over each line of the stream, without its end. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

export function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Resolves at the end of the process; it is killed when that does not come within `timeoutMs`. */
export async function ended(child: ChildProcess, timeoutMs: number): Promise<void> {
  if (hasExited(child)) return;
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await Promise.race([closed, delay(timeoutMs, undefined, { ref: false })]);
  if (hasExited(child)) return;
  child.kill('SIGKILL');
  await closed;
}
