import { readTopic } from './read-topic.js';
import type { KeyHistory } from './concurrent-writers.js';

export interface TopicVerdict {
  readonly records: number;
  readonly changes: number;
  readonly repeats: number;
  /** What is wrong, at most twenty lines. */
  readonly problems: readonly string[];
}

interface ChangeEvent {
  readonly op: string;
  readonly after: { readonly id: number; readonly version: number } | null;
  readonly source: { readonly lsn: number };
}

/**
 * Reads the topic with kafkajs and holds it against what the writers committed: each change at least once, and the first occurrences of a
 * key's changes in the order of their LSNs.
 */
export async function judgeTopic(bootstrap: string, topic: string, histories: ReadonlyMap<number, KeyHistory>): Promise<TopicVerdict> {
  const seenByKey = new Map<number, { next: number; isDeleted: boolean; lsn: number }>();
  const problems: string[] = [];
  const problem = (text: string): void => void (problems.length < 20 && problems.push(text));
  let records = 0;
  let repeats = 0;
  await readTopic(bootstrap, topic, ({ key, value }) => {
    if (key === null || value === null) return;
    records += 1;
    const id = payload<{ id: number }>(key).id;
    const event = payload<ChangeEvent>(value);
    const seen = seenByKey.get(id) ?? { next: 1, isDeleted: false, lsn: -1 };
    seenByKey.set(id, seen);
    const isRepeat = event.op === 'd' ? seen.isDeleted : event.after !== null && event.after.version < seen.next;
    if (isRepeat) {
      repeats += 1;
      return;
    }
    if (event.op === 'd') seen.isDeleted = true;
    // A snapshot shows the row as it is, whatever versions came before.
    else if (event.op !== 'r' && event.after?.version !== seen.next) problem(`key ${id}: version ${event.after?.version} where ${seen.next} was to come`);
    if (event.source.lsn < seen.lsn) problem(`key ${id}: LSN ${event.source.lsn} after ${seen.lsn}`);
    seen.lsn = event.source.lsn;
    if (event.after) seen.next = event.after.version + 1;
  });
  for (const [id, { versions, isDeleted }] of histories) {
    const seen = seenByKey.get(id);
    if (!seen || seen.next !== versions + 1) problem(`key ${id}: committed up to version ${versions}, in the topic up to ${(seen?.next ?? 1) - 1}`);
    if (isDeleted && !seen?.isDeleted) problem(`key ${id}: its delete is not in the topic`);
    if (!isDeleted && seen?.isDeleted) problem(`key ${id}: a delete that nobody made`);
  }
  return { records, changes: records - repeats, repeats, problems };
}

function payload<T>(bytes: Buffer): T {
  return (JSON.parse(bytes.toString('utf8')) as { payload: T }).payload;
}
