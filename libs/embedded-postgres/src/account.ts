import fs from 'node:fs';
import path from 'node:path';
import { OperationalError } from '@millrace/foundation';

/** PostgreSQL refuses to run as root: then an unprivileged account that the system already has is used. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = fs.readFileSync('/etc/passwd', 'utf8').split('\n').map((it) => it.split(':'));
  const entry = lines.find((it) => it[0] === 'postgres') ?? lines.find((it) => it[0] === 'nobody');
  if (!entry) throw new OperationalError('POSTGRES_NEEDS_ACCOUNT', 'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as. Start Millrace as another user.');
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** Makes a folder that belongs to the account, and checks that the account can reach it. */
export function makeFolderFor(folder: string, account: Account | undefined): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!account) return;
  fs.chownSync(folder, account.uid, account.gid);
  for (let parent = path.dirname(folder); ; parent = path.dirname(parent)) {
    const { mode, uid, gid } = fs.statSync(parent);
    const reachable = uid === account.uid ? mode & 0o100 : gid === account.gid ? mode & 0o010 : mode & 0o001;
    if (!reachable) throw new OperationalError('POSTGRES_FOLDER_UNREACHABLE', `PostgreSQL runs as user id ${account.uid}, which cannot enter ${parent}. Choose another data folder, or start Millrace as another user than root.`);
    if (parent === path.dirname(parent)) return;
  }
}
