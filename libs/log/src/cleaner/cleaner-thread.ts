import os from 'node:os';
import { parentPort } from 'node:worker_threads';
import { errorMessage, invariant } from '@millrace/foundation';
import { nodeCodecs, systemClock, timerScheduler } from '@millrace/platform';
import { CleanerMemory, cleanLog, NodeFileSystem } from '@millrace/storage';
import { cleaningPace } from './cleaning-pace.js';
import type { ThreadReply, ThreadRequest } from './log-rewriter.js';

/** The entry of the cleaner's thread: cleans what it is told to, a group at a time. */
const port = parentPort;
invariant(port !== null, 'the cleaner runs in a thread of its own');
const memory = new CleanerMemory();
// Requests go first where processors are short. Elsewhere than on Linux this would be the priority of the whole process.
if (process.platform === 'linux') os.setPriority(0, os.constants.priority.PRIORITY_BELOW_NORMAL);
let goOn: () => void = () => undefined;

function reply(message: ThreadReply): void {
  port?.postMessage(message);
}

async function clean({ job, limits }: Extract<ThreadRequest, { kind: 'clean' }>): Promise<void> {
  // Timers do not keep a thread alive; its port does.
  const pace = cleaningPace({ clock: systemClock, scheduler: timerScheduler, bytesPerSecondMax: limits.bytesPerSecondMax, sliceMs: Number.POSITIVE_INFINITY });
  try {
    const result = await cleanLog(job, {
      fileSystem: new NodeFileSystem(),
      codecs: nodeCodecs,
      clock: systemClock,
      memory,
      mapBytes: limits.mapBytes,
      mapLoadFactor: limits.mapLoadFactor,
      pace,
      onGroup: (group) => {
        const moved = new Promise<void>((resolve) => (goOn = resolve));
        reply({ kind: 'group', group });
        return moved;
      },
    });
    reply({ kind: 'done', result });
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : 'CLEANING_FAILED';
    reply({ kind: 'failed', code, message: errorMessage(error) });
  }
}

port.on('message', (request: ThreadRequest) => {
  if (request.kind === 'go on') goOn();
  else void clean(request);
});
