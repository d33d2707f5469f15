import { spawnSync } from 'node:child_process';

/** Runs a program of the project's node_modules, its output shown only when it fails. Returns whether it passed. */
export function runStep(name: string, program: string, args: readonly string[], root: string): boolean {
  const begun = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
  if (status !== 0) process.stdout.write(`${stdout}${stderr}\n`);
  return status === 0;
}
