import { EventLoop } from './event-loop.js';
import { SimulatedProcess, WallClock } from './simulated-process.js';

describe('EventLoop', () => {
  const process = (loop: EventLoop): SimulatedProcess => new SimulatedProcess(loop, 'p', 1, new WallClock(loop), 1);

  it('runs events by time and then by their order, with all microtasks of one before the next', async () => {
    const loop = new EventLoop();
    const seen: string[] = [];
    const note = (name: string) => (): void => {
      seen.push(name);
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => seen.push(`behind ${name}`));
    };
    loop.schedule(5, 'x', note('third'));
    loop.schedule(1, 'x', note('first'));
    loop.schedule(1, 'x', note('second'));
    loop.schedule(99, 'x', note('never'));
    await loop.run(10);
    expect(seen).toEqual(['first', 'behind first', 'second', 'behind second', 'third', 'behind third']);
    expect(loop.nowMs).toBe(10);
  });

  it('never calls back a process that is dead, and holds what happens to a paused one until it goes on', async () => {
    const loop = new EventLoop();
    const [dead, paused] = [process(loop), process(loop)];
    const seen: string[] = [];
    dead.scheduler.after(5, () => seen.push('dead timer'));
    const cancelled = paused.scheduler.after(4, () => seen.push('cancelled'));
    paused.scheduler.after(5, () => seen.push(`paused timer at ${loop.nowMs}`));
    loop.schedule(2, 'x', () => {
      dead.die();
      paused.pause();
    });
    loop.schedule(6, 'x', () => loop.deliver(paused, 'data', () => seen.push('data')));
    loop.schedule(7, 'x', () => cancelled.cancel());
    loop.schedule(20, 'x', () => paused.resume());
    await loop.run(30);
    expect(seen).toEqual(['paused timer at 20', 'data']);
  });
});
