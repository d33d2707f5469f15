import * as fs from 'node:fs';
import { hasCode } from '@millrace/foundation';
import type { Processes } from './processes.js';

/** By /proc on Linux; elsewhere a signal tells whether a process lives, and its id is all of its identity. */
export const nodeProcesses: Processes = {
  pid: process.pid,

  identity(pid) {
    const stat = readProc(`/proc/${pid}/stat`);
    if (stat !== undefined) {
      // Field 22, counted behind the command in parentheses: the start time in ticks since boot.
      return `${pid}@${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
    }
    if (process.platform === 'linux' && readProc('/proc/self/stat') !== undefined) return undefined;
    try {
      process.kill(pid, 0);
      return String(pid);
    } catch (error) {
      return hasCode(error, 'EPERM') ? String(pid) : undefined;
    }
  },

  lockHolder(path) {
    const locks = readProc('/proc/locks');
    const inode = fs.statSync(path, { throwIfNoEntry: false })?.ino;
    if (locks === undefined || inode === undefined) return undefined;
    for (const line of locks.split('\n')) {
      const match = /POSIX\s+ADVISORY\s+WRITE\s+(\d+)\s+\S+:(\d+)\s/.exec(line);
      if (match !== null && Number(match[2]) === inode && Number(match[1]) !== process.pid) return Number(match[1]);
    }
    return undefined;
  },
};

function readProc(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
