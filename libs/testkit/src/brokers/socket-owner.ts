import fs from 'node:fs';

/**
 * Which of these processes made the connection that comes from `localPort` to `remotePort` on loopback; by the kernel's tables, so that it needs nothing of the process. Undefined for any other
 * process, where there is no /proc, and when the connection is gone already.
 */
export function socketOwner(localPort: number, remotePort: number, pids: Iterable<number>): number | undefined {
  const inode = socketInode(localPort, remotePort);
  if (inode === undefined) return undefined;
  for (const pid of pids) if (holds(pid, `socket:[${inode}]`)) return pid;
  return undefined;
}

function socketInode(localPort: number, remotePort: number): string | undefined {
  // Java's sockets are of the second kind, whatever the address.
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (!fs.existsSync(file)) continue;
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      const [, local = '', remote = '', , , , , , , inode] = line.trim().split(/\s+/);
      if (portOf(local) === localPort && portOf(remote) === remotePort) return inode;
    }
  }
  return undefined;
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(':') + 1), 16);
}

function holds(pid: number, socket: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return fs.readdirSync(folder).some((it) => linkOf(`${folder}/${it}`) === socket);
  } catch {
    // The process is gone, and its connections with it.
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}
