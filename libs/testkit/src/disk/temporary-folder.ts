import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A new folder below the system's own for temporary files. `remove` it at the end. */
export function temporaryFolder(purpose: string): { readonly path: string; remove(): void } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `millrace-${purpose}-`));
  return { path: folder, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
}
