import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './file-system.js';

/** Says what is wrong with the folder or file that is to be written, or nothing. Changes nothing: what is missing will be made later. */
export async function probeTarget(target: { readonly folder: string } | { readonly file: string | null }): Promise<string | undefined> {
  if ('folder' in target) return writableFolder(target.folder);
  if (target.file === null) return undefined;
  const file = path.resolve(target.file);
  const stat = await statOf(file);
  if (typeof stat === 'string') return stat;
  if (stat === undefined) {
    const parent = await statOf(path.dirname(file));
    if (typeof parent === 'string') return parent;
    return parent === undefined ? `The folder ${path.dirname(file)} does not exist` : writableFolder(path.dirname(file));
  }
  if (stat.isDirectory()) return `${target.file} is a folder`;
  return (await isWritable(file)) ? undefined : `${target.file} cannot be written to`;
}

async function writableFolder(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = path.dirname(at)) {
    const stat = await statOf(at);
    if (typeof stat === 'string') return stat;
    if (stat === undefined && at !== path.dirname(at)) continue;
    if (stat?.isDirectory() !== true) return `${at} is not a folder`;
    return (await isWritable(at)) ? undefined : `${at} cannot be written to`;
  }
}

async function statOf(file: string): Promise<import('node:fs').Stats | undefined | string> {
  try {
    return await fs.stat(file);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === 'ENOTDIR') return `A part of ${file} is not a folder`;
    return `${file} cannot be looked at: ${code ?? 'unknown failure'}`;
  }
}

async function isWritable(file: string): Promise<boolean> {
  return fs.access(file, constants.W_OK).then(
    () => true,
    () => false,
  );
}
