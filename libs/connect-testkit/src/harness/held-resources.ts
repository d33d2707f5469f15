import { readdirSync } from 'node:fs';
import { eventually } from './within.js';

/** Kinds that come and go by themselves while anything runs. */
const PASSING = new Set(['TickObject', 'Immediate', 'PROMISE', 'FSReqPromise', 'FSReqCallback', 'CloseReq', 'GetAddrInfoReqWrap', 'ConnectWrap', 'TCPConnectWrap', 'PipeConnectWrap', 'ShutdownWrap', 'WriteWrap']);

/** What keeps this process busy, by kind: sockets, servers, watchers, timers; and its open files where the system tells them. */
export function heldResources(): ReadonlyMap<string, number> {
  const held = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) if (!PASSING.has(kind)) held.set(kind, (held.get(kind) ?? 0) + 1);
  const files = openFiles();
  if (files !== undefined) held.set('open files', files);
  return held;
}

/** Kinds of which there are more than before, once what is closing had `ms` milliseconds to close; as text. */
export async function grownSince(before: ReadonlyMap<string, number>, ms: number): Promise<string[]> {
  const grown = (): string[] => [...heldResources()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind, count]) => `${kind}: ${before.get(kind) ?? 0} before, ${count} after`);
  await eventually(() => grown().length === 0, ms);
  return grown();
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
