import fc from 'fast-check';
import { parseKey, serializeKey, type Key, type KeyPart } from './java-objects.js';

/** What ObjectOutputStream of Java 17 wrote for the same values. */
const RECORDED: readonly (readonly [string, Key | null])[] = [
  ['ACED0005757200135B4C6A6176612E6C616E672E4F626A6563743B90CE589F1073296C020000787000000001737200116A6176612E6C616E672E496E746567657212E2A0A4F781873802000149000576616C7565787200106A6176612E6C616E672E4E756D62657286AC951D0B94E08B020000787000000005', [{ type: 'Integer', text: '5' }]],
  ['ACED0005757200135B4C6A6176612E6C616E672E4F626A6563743B90CE589F1073296C020000787000000002737200116A6176612E6C616E672E496E746567657212E2A0A4F781873802000149000576616C7565787200106A6176612E6C616E672E4E756D62657286AC951D0B94E08B0200007870000003E87371007E0002000007D0', [{ type: 'Integer', text: '1000' }, { type: 'Integer', text: '2000' }]],
  [
    'ACED0005757200135B4C6A6176612E6C616E672E4F626A6563743B90CE589F1073296C0200007870000000067372000E6A6176612E6C616E672E4C6F6E673B8BE490CC8F23DF0200014A000576616C7565787200106A6176612E6C616E672E4E756D62657286AC951D0B94E08B02000078708000000000000000737200116A6176612E6C616E672E496E746567657212E2A0A4F781873802000149000576616C75657871007E00030001117074000AC3A9EDA0BDEDB880C0807372000E6A6176612E7574696C2E55554944BC9903F7986D852F0200024A000C6C65617374536967426974734A000B6D6F7374536967426974737870A456426614174000123E4567E89B12D370737200116A6176612E6C616E672E426F6F6C65616ECD207280D59CFAEE0200015A000576616C7565787001',
    [{ type: 'Long', text: '-9223372036854775808' }, { type: 'Integer', text: '70000' }, { type: 'String', text: 'é😀\0' }, { type: 'UUID', text: '123e4567-e89b-12d3-a456-426614174000' }, null, { type: 'Boolean', text: 't' }],
  ],
  ['ACED000570', null],
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

  it('that are something else are no keys', () => expect(['', 'ACED0005', 'ACED000573', '00'].map(parseKey)).toEqual([undefined, undefined, undefined, undefined]));
});
