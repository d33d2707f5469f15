import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { peerClassPath, peersMissing } from '@millrace/testkit';
import { canonical, decode, encode, kafkaJson, messageValue, type Value } from './message-values.js';
import { subjects, type Subject } from './schemas.js';

const SAMPLES = 6;
const SEED = 20261121;
const GOLDEN = path.join(__dirname, 'kafka-4.3.1.golden.txt');

interface Case {
  readonly subject: Subject;
  readonly version: number;
  readonly value: Value;
}

const all = subjects();
const missing = peersMissing();

/** What Apache Kafka's classes make of each case: the bytes that they write, and `true` when they read ours as the same message. */
function askKafka(cases: readonly Case[]): { hex: string; same: string }[] {
  const lines = cases.map(({ subject, version, value }) =>
    [subject.name, version, kafkaJson(subject.root, value, version), Buffer.from(encode(subject, value, version)).toString('hex')].join('\t'),
  );
  const java = spawnSync('java', ['-Dfile.encoding=UTF-8', '-cp', peerClassPath(), path.join(__dirname, 'KafkaMessages.java')], { input: lines.join('\n') + '\n', encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (java.status !== 0) throw new Error(java.stderr);
  return java.stdout.trimEnd().split('\n').map((line) => {
    const [hex = '', same = ''] = line.split('\t');
    return { hex, same };
  });
}

const unless = missing === undefined ? describe : describe.skip;
unless(`Apache Kafka's own classes${missing === undefined ? '' : ` (${missing})`}`, () => {
  it('write the same bytes for each message in each version, and read ours as the same message', () => {
    const cases = all.flatMap((subject) =>
      subject.versions.flatMap((version) => fc.sample(messageValue(subject, version), { numRuns: SAMPLES, seed: SEED + version }).map((value): Case => ({ subject, version, value }))),
    );
    const answers = askKafka(cases);
    expect(answers).toHaveLength(cases.length);
    const wrong = cases.flatMap(({ subject, version, value }, index) => {
      const { hex, same } = answers[index] ?? { hex: '', same: '' };
      const ours = Buffer.from(encode(subject, value, version)).toString('hex');
      if (ours === hex && same === 'true' && canonical(decode(subject, Buffer.from(hex, 'hex'), version)) === canonical(value)) return [];
      return [`${subject.name} ${version}: ${same}\n  json  ${kafkaJson(subject.root, value, version)}\n  ours  ${ours}\n  kafka ${hex}`];
    });
    if (process.env.UPDATE === '1' && wrong.length === 0) writeGolden(cases, answers.map((it) => it.hex));
    expect(wrong.slice(0, 20).join('\n')).toBe('');
  }, 120_000);
});

/** One sample for each version of each message that differs in form from the one before, at least the first and the last. */
function writeGolden(cases: readonly Case[], hexes: readonly string[]): void {
  const lines = cases.flatMap(({ subject, version }, index) => {
    const isFirst = index % SAMPLES === 0;
    const { minVersion, maxVersion, flexibleFrom } = subject.codec;
    return isFirst && [minVersion, maxVersion, flexibleFrom, flexibleFrom - 1].includes(version) ? [`${subject.name} ${version} ${hexes[index]}`] : [];
  });
  fs.writeFileSync(GOLDEN, `# What Apache Kafka 4.3.1's own classes wrote for random values. UPDATE=1 with Java and the peers writes it anew.\n${lines.join('\n')}\n`);
}

describe('bytes that Apache Kafka 4.3.1 wrote', () => {
  const rows = fs.readFileSync(GOLDEN, 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));

  it('are there for each message', () => {
    expect(new Set(rows.map((row) => row.split(' ')[0]))).toEqual(new Set(all.map((it) => it.name)));
  });

  it('are what we write for what we read from them', () => {
    for (const row of rows) {
      const [name = '', version = '', hex = ''] = row.split(' ');
      const subject = all.find((it) => it.name === name);
      if (subject === undefined) throw new Error(`${name} has no schema`);
      const value = decode(subject, Buffer.from(hex, 'hex'), Number(version));
      expect(`${name} ${version} ${Buffer.from(encode(subject, value as Value, Number(version))).toString('hex')}`).toBe(row);
    }
  });
});
