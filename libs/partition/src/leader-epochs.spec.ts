import fc from 'fast-check';
import { LeaderEpochs } from './leader-epochs.js';

describe('LeaderEpochs', () => {
  it('answers as the log itself would', () => {
    // A log is the epoch of each of its offsets, never falling; some epochs have no record.
    const log = fc.array(fc.nat(6), { minLength: 1, maxLength: 30 }).map((steps) => steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, step) => sum + (step > 4 ? 1 : 0), 0)));
    fc.assert(
      fc.property(log, fc.nat(8), fc.nat(40), (epochAtOffset, asked, cut) => {
        const epochs = new LeaderEpochs();
        epochAtOffset.forEach((epoch, offset) => epochs.assign(epoch, offset));
        const end = epochAtOffset.length;
        const latest = epochAtOffset[end - 1] ?? -1;
        const answer = epochs.endOffsetFor(asked, end);
        if (asked > latest) expect(answer).toBeNull();
        else {
          const floor = Math.max(-1, ...epochAtOffset.filter((it) => it <= asked));
          const firstHigher = epochAtOffset.findIndex((it) => it > asked);
          expect(answer).toEqual({ leaderEpoch: floor === -1 ? asked : floor, endOffset: firstHigher === -1 ? end : firstHigher });
        }
        epochs.truncateFromEnd(cut);
        const rest = epochAtOffset.slice(0, cut);
        expect(epochs.latestEpoch()).toBe(rest[rest.length - 1] ?? -1);
        epochs.truncateFromStart(Math.min(cut >> 1, Math.max(0, rest.length - 1)));
        rest.forEach((epoch, offset) => {
          if (offset >= cut >> 1) expect(epochs.epochAt(offset)).toBe(epoch);
        });
        // Invariant 8.
        epochs.entries.forEach((it, i) => expect(i === 0 || (it.leaderEpoch > (epochs.entries[i - 1]?.leaderEpoch ?? 0) && it.startOffset > (epochs.entries[i - 1]?.startOffset ?? 0))).toBe(true));
      }),
    );
  });
});
