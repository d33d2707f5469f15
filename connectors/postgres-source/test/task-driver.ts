import type { ConnectorConfig, OffsetMap } from '@millrace/connect-api';
import { SourceTaskDriver } from '@millrace/connect-testkit';
import { PostgresSourceTask } from '../src/postgres-source-task.js';

/** A task as the runtime drives it, whose process may die. */
export class TaskDriver extends SourceTaskDriver<PostgresSourceTask> {
  constructor(options: { readonly config: ConnectorConfig; readonly offset?: OffsetMap | null }) {
    super({ task: new PostgresSourceTask(), ...options });
  }

  /** As if the process died: its sessions end without a word. The task is not to be used any more, but for `stop`. */
  sever(): void {
    const { phase } = this.task as unknown as { phase: { stream?: { stream: { raw: { destroy(): void } }; catalog: { client: { connection: { stream: { destroy(): void } } } } }; reader?: { close(): void } } };
    phase.stream?.stream.raw.destroy();
    phase.stream?.catalog.client.connection.stream.destroy();
    phase.reader?.close();
  }
}
