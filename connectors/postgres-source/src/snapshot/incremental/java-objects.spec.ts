import fc from 'fast-check';
import { parseKey, serializeKey, type Key, type KeyPart } from './java-objects.js';

/** What ObjectOutputStream of Java 17 wrote for the same values. */
const RECORDED: readonly (readonly [string, Key | null])[] = [
  ['aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c020000787000000001737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b020000787000000005', [{ type: 'Integer', text: '5' }]],
  ['aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c020000787000000002737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870000003e87371007e0002000007d0', [{ type: 'Integer', text: '1000' }, { type: 'Integer', text: '2000' }]],
  [
    'aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c0200007870000000067372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b02000078708000000000000000737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c75657871007e00030001117074000ac3a9eda0bdedb880c0807372000e6a6176612e7574696c2e55554944bc9903f7986d852f0200024a000c6c65617374536967426974734a000b6d6f7374536967426974737870a456426614174000123e4567e89b12d370737200116a6176612e6c616e672e426f6f6c65616ecd207280d59cfaee0200015a000576616c7565787001',
    [{ type: 'Long', text: '-9223372036854775808' }, { type: 'Integer', text: '70000' }, { type: 'String', text: 'é😀\0' }, { type: 'UUID', text: '123e4567-e89b-12d3-a456-426614174000' }, null, { type: 'Boolean', text: 't' }],
  ],
  ['aced000570', null],
];

describe('keys in offsets', () => {
  it('are written as Java writes them', () => expect(RECORDED.map(([, key]) => serializeKey(key))).toEqual(RECORDED.map(([hex]) => hex)));

  it('are read as Java writes them', () => expect(RECORDED.map(([hex]) => parseKey(hex))).toEqual(RECORDED.map(([, key]) => key)));

  it('come back the same', () => {
    const part: fc.Arbitrary<KeyPart | null> = fc.oneof(
      fc.constant(null),
      fc.integer().map((it): KeyPart => ({ type: 'Integer', text: String(it) })),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((it): KeyPart => ({ type: 'Long', text: String(it) })),
      fc.string({ unit: 'binary' }).map((text): KeyPart => ({ type: 'String', text })),
      fc.uuid().map((text): KeyPart => ({ type: 'UUID', text })),
      fc.boolean().map((it): KeyPart => ({ type: 'Boolean', text: it ? 't' : 'f' })),
    );
    fc.assert(fc.property(fc.array(part, { maxLength: 6 }), (key) => expect(parseKey(serializeKey(key))).toEqual(key)));
  });

  it('that are something else are no keys', () => expect(['', 'ACED0005', 'aced000573', '00'].map(parseKey)).toEqual([undefined, undefined, undefined, undefined]));
});
