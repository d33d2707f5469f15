import path from 'node:path';

/** The compiled entry file of a thread or process, whether this runs from sources or compiled. */
export function compiledEntry(name: string): string {
  return path.resolve(__dirname, '../../dist/isolation', name);
}
