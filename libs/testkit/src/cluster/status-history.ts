import { readTopic } from '../flow/read-topic.js';

/** A state that a worker wrote of a task, in the order of the status topic. */
export interface TaskState {
  readonly task: string;
  readonly state: string;
  readonly worker: string;
  readonly generation: number;
  readonly atMs: number;
}

/** What was done to a worker, and when. */
export interface WorkerEvent {
  readonly worker: string;
  readonly kind: 'added' | 'killed' | 'stopped' | 'paused' | 'resumed' | 'without a broker';
  readonly atMs: number;
}

export async function readTaskStates(bootstrap: string, statusTopic: string): Promise<TaskState[]> {
  const states: TaskState[] = [];
  await readTopic(bootstrap, statusTopic, ({ key, value, timestampMs }) => {
    const name = key?.toString('utf8') ?? '';
    if (!name.startsWith('status-task-') || value === null) return;
    const { state, worker_id: worker, generation } = JSON.parse(value.toString('utf8')) as { state: string; worker_id: string; generation: number };
    states.push({ task: name.slice('status-task-'.length), state, worker, generation, atMs: timestampMs });
  });
  return states.sort((a, b) => a.atMs - b.atMs);
}

/**
 * What must not be in the history of tasks: a task that starts on one worker while another one, which was neither ended nor paused, has not
 * had it revoked; a task that was stopped and started again by the same worker although nothing happened to that worker, nor to one that had just come.
 */
export function historyProblems(states: readonly TaskState[], events: readonly WorkerEvent[]): string[] {
  const problems: string[] = [];
  const wasDisturbed = (worker: string, fromMs: number, toMs: number): boolean =>
    events.some((it) => it.worker === worker && it.kind !== 'added' && it.atMs >= fromMs - DISTURBED_FOR_MS && it.atMs <= toMs);
  // It was revoked for a newcomer that ended before it got it, and came back.
  const wasForNewcomer = (worker: string, fromMs: number, toMs: number): boolean =>
    events.some((end) => end.worker !== worker && end.kind !== 'added' && end.kind !== 'resumed' && end.atMs >= fromMs - DISTURBED_FOR_MS && end.atMs <= toMs
      && events.some((it) => it.worker === end.worker && it.kind === 'added' && it.atMs >= end.atMs - DISTURBED_FOR_MS && it.atMs <= end.atMs));
  const holderByTask = new Map<string, TaskState>();
  const leftByTask = new Map<string, TaskState>();
  for (const it of states) {
    const holder = holderByTask.get(it.task);
    const left = leftByTask.get(it.task);
    if (it.state === 'RUNNING') {
      if (holder && holder.worker !== it.worker && !wasDisturbed(holder.worker, holder.atMs, it.atMs)) {
        problems.push(`${it.task} started on ${it.worker} in generation ${it.generation} while ${holder.worker} had it since generation ${holder.generation}`);
      }
      if (!holder && left?.worker === it.worker && !wasDisturbed(it.worker, left.atMs, it.atMs) && !wasForNewcomer(it.worker, left.atMs, it.atMs)) {
        problems.push(`${it.task} was stopped and started again by ${it.worker} within ${it.atMs - left.atMs} ms, generations ${left.generation} and ${it.generation}`);
      }
      holderByTask.set(it.task, it);
    } else if (it.state === 'UNASSIGNED' && (holder === undefined || holder.worker === it.worker)) {
      // Also by a worker that was given the task and ended before it ran: it has moved.
      holderByTask.delete(it.task);
      leftByTask.set(it.task, it);
    } else if (it.state === 'FAILED') {
      problems.push(`${it.task} failed on ${it.worker} in generation ${it.generation}`);
    }
  }
  return problems;
}

/** How long after a pause or an end a worker's own part of the history may be out of order: its session, and the delay of its group. */
const DISTURBED_FOR_MS = 60_000;
