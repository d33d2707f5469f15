import colors from 'picocolors';

/** One line a step: what is being done, then how long it took. */
export async function step<T>(text: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  if (process.stdout.isTTY) process.stdout.write(`  ${text} ...`);
  const result = await work();
  const line = `  ${text} ${colors.dim(`${((performance.now() - begun) / 1000).toFixed(1)} s`)}`;
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}\n` : `${line}\n`);
  return result;
}
