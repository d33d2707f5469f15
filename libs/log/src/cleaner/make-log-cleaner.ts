import type { Clock, Codecs, Logger, Random, Scheduler } from '@millrace/foundation';
import type { FileSystem } from '@millrace/storage';
import type { BrokerConfig } from '../config/broker-config.js';
import type { ReplicaManager } from '../replicas/replica-manager.js';
import { LogCleaner } from './log-cleaner.js';
import { SlicedRewriter, ThreadRewriter, type CleaningLimits } from './log-rewriter.js';

export interface MakeLogCleanerOptions {
  readonly config: BrokerConfig;
  readonly replicas: ReplicaManager;
  readonly ports: { readonly fileSystem: FileSystem; readonly codecs: Codecs; readonly clock: Clock; readonly scheduler: Scheduler; readonly random: Random };
  /** All ports that a cleaning needs are the machine's own, so that a thread can make them anew. */
  readonly isOfMachine: boolean;
  readonly decompressedBytesMax: number;
  readonly logger: Logger;
}

/** The cleaner that the broker's properties ask for; undefined when they ask for none. */
export function makeLogCleaner({ config, replicas, ports, isOfMachine, decompressedBytesMax, logger }: MakeLogCleanerOptions): LogCleaner | undefined {
  const threads = config.get('log.cleaner.threads');
  if (!config.get('log.cleaner.enable') || threads === 0) return undefined;
  const limits: CleaningLimits = {
    mapBytes: Math.floor(config.get('log.cleaner.dedupe.buffer.size') / threads),
    mapLoadFactor: config.get('log.cleaner.io.buffer.load.factor'),
    bytesPerSecondMax: config.get('log.cleaner.io.max.bytes.per.second') / threads,
  };
  const rewriters = Array.from({ length: threads }, () => (isOfMachine ? new ThreadRewriter(ports.fileSystem, limits) : new SlicedRewriter(ports, limits)));
  return new LogCleaner({ ...ports, replicas, rewriters, backoffMs: config.get('log.cleaner.backoff.ms'), decompressedBytesMax, logger });
}
