import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import type { SourceSettings } from '../config/source-settings.js';

export interface Problem {
  readonly key: string;
  readonly message: string;
}

/** What is wrong with the file or the folders now. A file need not be there yet; a folder that is not there is a mistake. */
export async function probeSource(settings: SourceSettings): Promise<Problem[]> {
  if (settings.file !== null) {
    const message = await problemOfFile(settings.file);
    return message === undefined ? [] : [{ key: 'file', message }];
  }
  const problems: Problem[] = [];
  for (const { folder } of settings.selection.roots) {
    const message = await problemOfFolder(folder);
    if (message !== undefined) problems.push({ key: 'include', message });
  }
  return problems;
}

async function problemOfFile(file: string): Promise<string | undefined> {
  try {
    const stat = await fs.stat(file);
    if (stat.isDirectory()) return `${file} is a folder`;
    if (!stat.isFile()) return `${file} is not a regular file`;
    await fs.access(file, constants.R_OK);
    return undefined;
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? undefined : `${file} cannot be read: ${codeOf(error)}`;
  }
}

async function problemOfFolder(folder: string): Promise<string | undefined> {
  try {
    if (!(await fs.stat(folder)).isDirectory()) return `${folder} is not a folder`;
    await fs.access(folder, constants.R_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? `The folder ${folder} does not exist` : `${folder} cannot be read: ${codeOf(error)}`;
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? 'unknown failure');
}
