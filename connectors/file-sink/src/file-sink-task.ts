import { type OffsetsToCommit, type SinkRecord, SinkTask, type SinkTaskContext, type TopicPartition } from '@millrace/connect-api';
import { AppendWriter } from './append-writer.js';
import { parseSinkSettings } from './config/sink-settings.js';
import { type FileSystem, NODE_FILE_SYSTEM } from './disk/file-system.js';
import { WholeFileWriter } from './whole-file-writer.js';

/** Writes records into files: whole files exactly once below `directory`, or lines at the end of `file`. */
export class FileSinkTask extends SinkTask {
  private files: WholeFileWriter | undefined;
  private appended: AppendWriter | undefined;

  constructor(private readonly disk: FileSystem = NODE_FILE_SYSTEM) {
    super();
  }

  override async start(context: SinkTaskContext): Promise<void> {
    const settings = parseSinkSettings(context.config);
    if (settings.mode === 'files') {
      this.files = new WholeFileWriter(context, settings, this.disk);
    } else {
      this.appended = new AppendWriter(settings.file);
      await this.appended.start();
    }
  }

  override async open(partitions: readonly TopicPartition[]): Promise<void> {
    await this.files?.open(partitions);
  }

  override async put(records: readonly SinkRecord[]): Promise<void> {
    await (this.files ?? this.appended)?.put(records);
  }

  override async preCommit(offsets: OffsetsToCommit): Promise<OffsetsToCommit> {
    if (this.files) return this.files.preCommit(offsets);
    await this.appended?.flush();
    return offsets;
  }

  override async close(partitions: readonly TopicPartition[]): Promise<void> {
    await this.files?.close(partitions);
  }

  override async stop(): Promise<void> {
    await this.files?.stop();
    await this.appended?.stop();
  }
}
