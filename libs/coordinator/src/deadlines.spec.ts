import fc from 'fast-check';
import { Deadlines } from './deadlines.js';

describe('Deadlines', () => {
  it('comes up with what a plain map would, in order of time', () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant('schedule' as const), key: fc.nat(5), atMs: fc.nat(50) }),
      fc.record({ kind: fc.constant('cancel' as const), key: fc.nat(5), atMs: fc.constant(0) }),
      fc.record({ kind: fc.constant('take' as const), key: fc.constant(0), atMs: fc.nat(50) }),
      fc.record({ kind: fc.constant('shift' as const), key: fc.constant(0), atMs: fc.integer({ min: -20, max: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const deadlines = new Deadlines<string>();
        const model = new Map<string, number>();
        for (const { kind, key, atMs } of commands) {
          if (kind === 'schedule') {
            deadlines.schedule(String(key), atMs, String(key));
            model.set(String(key), atMs);
          } else if (kind === 'cancel') {
            deadlines.cancel(String(key));
            model.delete(String(key));
          } else if (kind === 'shift') {
            deadlines.shift(atMs);
            for (const [name, dueMs] of model) model.set(name, dueMs + atMs);
          } else {
            const taken = deadlines.takeDue(atMs);
            const firstMs = Math.min(Number.POSITIVE_INFINITY, ...model.values());
            if (firstMs > atMs) expect(taken).toBeUndefined();
            else {
              expect(model.get(taken ?? '')).toBe(firstMs);
              model.delete(taken ?? '');
            }
          }
          expect(deadlines.nextDueMs()).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()));
          expect(deadlines.size).toBe(model.size);
        }
      }),
    );
  });
});
