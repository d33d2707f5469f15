/** A line with its time: soaks run long. */
export function say(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}
