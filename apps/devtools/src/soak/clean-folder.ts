import { readFileSync } from 'node:fs';
import { systemClock, systemRandom, nodeCodecs } from '@millrace/platform';
import { SILENT_LOGGER } from '@millrace/foundation';
import { CleanerMemory, cleanableRange, cleanLog, DEFAULT_LOG_CONFIG, NodeFileSystem, PartitionLog, planCleaning } from '@millrace/storage';

/** `node clean-folder.js <partition folder> <bytes for the keys>`: opens the log, cleans it, and prints what that took as one line of JSON. Nothing else runs in the process. */
async function main(): Promise<void> {
  const [, , folder = '', mapBytes = '134217728'] = process.argv;
  const fileSystem = new NodeFileSystem();
  const config = { ...DEFAULT_LOG_CONFIG, cleanupPolicies: ['compact'] as const, minCleanableDirtyRatio: 0, fileDeleteDelayMs: 0 };
  const log = await PartitionLog.open({ fileSystem, folder, topic: 'table', partition: 0, config, clock: systemClock, logger: SILENT_LOGGER, codecs: nodeCodecs, hadCleanShutdown: true, recoveryPoint: 0, logStartOffset: 0 });
  const startedMs = performance.now();
  const memory = new CleanerMemory();
  let cleanedOffset = 0;
  let [passes, bytesRead, bytesWritten, recordsRead, indexMs] = [0, 0, 0, 0, 0];
  for (;;) {
    const range = cleanableRange(log, { cleanedOffset, lastStableOffset: log.logEndOffset, nowMs: Date.now() });
    if (range?.isDue !== true) break;
    const job = planCleaning(log, range, { fileSystem, random: systemRandom, nowMs: Date.now(), decompressedBytesMax: 64 * 1024 * 1024 });
    const { nextDirtyOffset, stats } = await cleanLog(job, {
      fileSystem,
      codecs: nodeCodecs,
      clock: systemClock,
      memory,
      mapBytes: Number(mapBytes),
      mapLoadFactor: 0.9,
      pace: () => undefined,
      onGroup: async (group) => {
        await log.replaceSegments(group);
        log.removeDeletedFiles();
      },
    });
    cleanedOffset = nextDirtyOffset;
    passes += 1;
    bytesRead += stats.bytesRead;
    bytesWritten += stats.bytesWritten;
    recordsRead += stats.recordsRead;
    indexMs += stats.indexMs;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  await log.close();
  process.stdout.write(`${JSON.stringify({ passes, seconds: round(seconds), indexSeconds: round(indexMs / 1000), megabytesRead: round(bytesRead / 1e6), megabytesWritten: round(bytesWritten / 1e6), recordsRead, peakRssMb: peakRssMb() })}\n`);
}

/** Of this program alone: what `getrusage` tells counts the parent's memory at the fork. */
function peakRssMb(): number {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
