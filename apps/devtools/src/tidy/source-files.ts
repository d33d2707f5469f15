import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export interface SourceFile {
  /** From the top of the repository. */
  readonly path: string;
  readonly text: string;
}

/** The TypeScript that git tracks or does not ignore, without what is generated. */
export function sourceFiles(root: string): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', '*.ts', '*.tsx'], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return listed
    .split('\n')
    .filter((it) => it !== '' && !it.includes('/generated/') && fs.existsSync(path.join(root, it)))
    .map((it) => ({ path: it, text: fs.readFileSync(path.join(root, it), 'utf8') }));
}
