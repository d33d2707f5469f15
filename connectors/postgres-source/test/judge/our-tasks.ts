import type { SourceRecord } from '@millrace/connect-api';
import { TaskDriver } from '../task-driver.js';
import { renderRecord } from '@millrace/connect-testkit';
import { judged, type JudgedRecord } from './judged-record.js';
import { judgedConfig, type Profile } from './profiles.js';

/** Each side has its own, with rows of its own. */
export function isSignalTable(topic: string): boolean {
  return /signals_(?:ours|theirs)$/.test(topic);
}

/** Our task once per profile, driven statement by statement. */
export class OurTasks {
  readonly records: JudgedRecord[] = [];
  private readonly runs: { readonly profile: Profile; readonly driver: TaskDriver; marker: number }[] = [];

  async start(profiles: readonly Profile[], connection: Readonly<Record<string, string>>): Promise<void> {
    for (const profile of profiles) this.runs.push({ profile, driver: await new TaskDriver({ config: { ...judgedConfig(profile, 'ours'), ...connection } }).start(), marker: -1 });
  }

  get size(): number {
    return this.runs.length;
  }

  /** Each polls for itself: a slot that is being made waits for the snapshots of others. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    let isDone = false;
    const polls = this.runs.map(async (run) => {
      while (!isDone) this.keep(run, await run.driver.poll());
    });
    while (!(isDone = await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all(polls);
  }

  /** Until each task has handed over the row `marker` of judge.marker. */
  async drain(marker: number): Promise<void> {
    await Promise.all(
      this.runs.map(async (run) => {
        const deadline = Date.now() + 30_000;
        while (run.marker < marker) {
          this.keep(run, await run.driver.poll());
          if (Date.now() > deadline) throw new Error(`${run.profile.name} does not reach marker ${marker}`);
        }
      }),
    );
  }

  /** Until no task has handed anything over for so long. */
  async quiet(ms: number): Promise<void> {
    let count = this.records.length;
    for (let since = Date.now(); Date.now() - since < ms; ) {
      await this.poll();
      if (this.records.length > count) since = Date.now();
      count = this.records.length;
    }
  }

  /** Polls once, each. */
  async poll(): Promise<void> {
    await Promise.all(this.runs.map(async (run) => this.keep(run, await run.driver.poll())));
  }

  async stop(): Promise<void> {
    for (const { driver } of this.runs) await driver.stop();
  }

  private keep(run: { readonly profile: Profile; marker: number }, records: readonly SourceRecord[]): void {
    for (const record of records) {
      if (/judge.marker$/.test(record.topic)) {
        const { payload } = renderRecord(record).value as { payload: { after: { n: number } } };
        run.marker = Math.max(run.marker, payload.after.n);
      } else if (!isSignalTable(record.topic)) this.records.push(judged(run.profile.name, record));
    }
  }
}
