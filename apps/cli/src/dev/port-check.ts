import fs from 'node:fs';
import net from 'node:net';
import { OperationalError } from '@millrace/foundation';

export interface WantedPort {
  readonly port: number;
  /** What wants it, for the message. */
  readonly purpose: string;
  /** The option that chooses another. */
  readonly flag: string;
}

/** Rejects with the first port that cannot be had: which, by whom it is held (where the system tells), and the flag that changes it. */
export async function requireFreePorts(wanted: readonly WantedPort[]): Promise<void> {
  for (const it of wanted) {
    if (await isFree(it.port)) continue;
    const holder = holderOf(it.port);
    throw new OperationalError('ADDRESS_IN_USE', `Port ${it.port} for ${it.purpose} is taken${holder === undefined ? '' : ` by ${holder}`}. Choose another with ${it.flag} <port>.`);
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = net.createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** `process 4711 (java -jar x)`, as far as Linux's /proc shows it to us. */
function holderOf(port: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const inode = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => listeningInode(file, port)).find((it) => it !== undefined);
  if (inode === undefined) return undefined;
  const pid = fs.readdirSync('/proc').find((it) => /^\d+$/.test(it) && holdsSocket(it, inode));
  return pid === undefined ? undefined : `process ${pid} (${commandOf(pid)})`;
}

function listeningInode(file: string, port: number): string | undefined {
  if (!fs.existsSync(file)) return undefined;
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const LISTEN = '0A';
  const row = fs.readFileSync(file, 'utf8').split('\n').map((it) => it.trim().split(/\s+/)).find((it) => it[1]?.endsWith(suffix) && it[3] === LISTEN);
  return row?.[9];
}

function holdsSocket(pid: string, inode: string): boolean {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).some((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`);
  } catch {
    // Another user's process, or one that has just ended: it is passed over.
    return false;
  }
}

function commandOf(pid: string): string {
  return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim().slice(0, 80);
}
