import fc from 'fast-check';
import { decodeAssignment, decodeMetadata, encodeAssignment, encodeMetadata, NO_WORK, type ConnectAssignment } from './connect-protocol.js';
import { WorkSet } from './work-set.js';

const work = fc.record({ connectors: fc.uniqueArray(fc.string({ maxLength: 8 }), { maxLength: 3 }), tasks: fc.array(fc.record({ connector: fc.constantFrom('a', 'b', 'ü'), task: fc.nat(50) }), { maxLength: 5 }) }).map((it) => WorkSet.of(it).toWork());
const assignments: fc.Arbitrary<ConnectAssignment> = fc.record({ version: fc.constantFrom(1, 2), error: fc.constantFrom(0, 1), leader: fc.string(), leaderUrl: fc.webUrl(), configOffset: fc.maxSafeInteger(), assigned: work, revoked: work, delayMs: fc.nat() });

describe('connect protocol', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(assignments, fc.webUrl(), (assignment, url) => {
        const sorted = (it: ConnectAssignment): ConnectAssignment => ({ ...it, assigned: WorkSet.of(it.assigned).toWork(), revoked: WorkSet.of(it.revoked).toWork() });
        expect(sorted(decodeAssignment(encodeAssignment(assignment)))).toEqual(assignment);
        const metadata = decodeMetadata(encodeMetadata(assignment.version, { url, configOffset: 7, assignment }));
        expect({ ...metadata, assignment: metadata.assignment && sorted(metadata.assignment) }).toEqual({ url, configOffset: 7, assignment });
      }),
    );
  });

  it('has the bytes of Java workers', () => {
    const metadata = encodeMetadata(2, { url: 'http://h:1/', configOffset: 5, assignment: null });
    expect(Buffer.from(metadata).toString('hex')).toBe(`0002${'000b'}${Buffer.from('http://h:1/').toString('hex')}0000000000000005ffffffff`);
    const assignment = encodeAssignment({ version: 2, error: 0, leader: 'm', leaderUrl: 'u', configOffset: 1, assigned: { connectors: ['c'], tasks: [{ connector: 'c', task: 0 }] }, revoked: NO_WORK, delayMs: 3 });
    expect(Buffer.from(assignment).toString('hex')).toBe('00020000' + '00016d' + '000175' + '0000000000000001' + '00000001' + '000163' + '00000002' + 'ffffffff' + '00000000' + 'ffffffff' + '00000003');
  });

  it('takes version 0, which ends early', () => {
    const bytes = encodeAssignment({ version: 0, error: 0, leader: 'm', leaderUrl: 'u', configOffset: 1, assigned: NO_WORK, revoked: NO_WORK, delayMs: 9 });
    expect(decodeAssignment(bytes)).toMatchObject({ version: 0, revoked: NO_WORK, delayMs: 0 });
    expect(() => decodeAssignment(bytes.subarray(0, 9))).toThrow();
  });
});
