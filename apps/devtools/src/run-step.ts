import { execFile } from 'node:child_process';

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs a program of the project's node_modules, its output shown only when it fails. Resolves with whether it passed. */
export function runStep(name: string, program: string, args: readonly string[], root: string): Promise<boolean> {
  const begun = performance.now();
  return new Promise((resolve) => {
    execFile(program, args, { cwd: root, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => {
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      process.stdout.write(`${error === null ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
      if (error !== null) process.stdout.write(`${stdout}${stderr || error.message}\n`);
      resolve(error === null);
    });
  });
}
