import { historyProblems, type TaskState, type WorkerEvent } from './status-history.js';

const state = (atMs: number, worker: string, text: string, generation = 1): TaskState => ({ task: 't-0', state: text, worker, generation, atMs });
const event = (atMs: number, worker: string, kind: WorkerEvent['kind']): WorkerEvent => ({ worker, kind, atMs });
const MINUTES = 60_000;

describe('the history of tasks', () => {
  const movedBack = [state(0, 'a', 'RUNNING'), state(10 * MINUTES, 'a', 'UNASSIGNED', 2), state(10 * MINUTES + 5000, 'a', 'RUNNING', 3)];

  it('knows a task that was stopped and started again for nothing', () => {
    expect(historyProblems(movedBack, [])).toEqual(['t-0 was stopped and started again by a within 5000 ms, generations 2 and 3']);
    // Others come and go all the time: that is no reason.
    expect(historyProblems(movedBack, [event(0, 'b', 'added'), event(10 * MINUTES, 'b', 'killed')])).toHaveLength(1);
    expect(historyProblems(movedBack, [event(10 * MINUTES, 'b', 'added')])).toHaveLength(1);
  });

  it('bears one that was revoked for a newcomer which did not live to get it', () => {
    expect(historyProblems(movedBack, [event(10 * MINUTES - 3000, 'b', 'added'), event(10 * MINUTES + 1000, 'b', 'killed')])).toEqual([]);
  });

  it('knows a task that runs twice', () => {
    const twice = [state(0, 'a', 'RUNNING'), state(1000, 'b', 'RUNNING', 2)];
    expect(historyProblems(twice, [])).toEqual(['t-0 started on b in generation 2 while a had it since generation 1']);
    expect(historyProblems(twice, [event(500, 'a', 'killed')])).toEqual([]);
  });
});
