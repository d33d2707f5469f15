import { AckJournal } from './ack-journal.js';
import { AckJudge } from './judge-acknowledged.js';

type Found = readonly [partition: number, offset: number, value: string];

/** Two producers; the first was told of three records, the second of one. */
function verdictOn(found: readonly Found[]): readonly string[] {
  const journal = new AckJournal();
  const [first, second] = [journal.producer('kafkajs'), journal.producer('java')];
  first.acknowledge(0, 0, 0);
  first.acknowledge(1, 0, 2);
  first.acknowledge(2, 1, -1);
  second.acknowledge(0, 0, 1);
  const judge = new AckJudge();
  for (const it of found) judge.record(...it);
  return judge.verdict(journal).problems;
}

const RIGHT: readonly Found[] = [[0, 0, '1.0'], [0, 1, '2.0'], [0, 2, '1.1'], [1, 5, '1.2']];

it('finds nothing wrong where each acknowledged record is in its place, whatever else there is', () => {
  expect(verdictOn(RIGHT)).toEqual([]);
  expect(verdictOn([...RIGHT, [1, 6, '1.3'], [1, 9, '2.1']])).toEqual([]);
});

it('tells of what is lost, moved, there twice, out of order, and of offsets that go back', () => {
  expect(verdictOn(RIGHT.slice(1))).toEqual(['kafkajs 1.0 was acknowledged at 0@0 and is lost']);
  expect(verdictOn([[0, 0, '1.0'], [0, 1, '1.1'], [0, 2, '2.0'], [1, 5, '1.2']])).toEqual(['kafkajs 1.1 was acknowledged at 0@2 and is at 0@1', 'java 2.0 was acknowledged at 0@1 and is at 0@2']);
  expect(verdictOn([...RIGHT, [1, 6, '2.0']])).toEqual(['2.0 is there twice: 0@1 and 1@6']);
  expect(verdictOn([...RIGHT, [1, 6, '2.7'], [1, 7, '2.3']])).toEqual(['partition 1: 2.3 stands behind 2.7']);
  expect(verdictOn([...RIGHT, [0, 2, '2.4']])).toEqual(['partition 0: offset 2 after 2']);
});

it('measures from acknowledgement to acknowledgement, the worst of a client', () => {
  const journal = new AckJournal();
  const clock = jest.spyOn(Date, 'now');
  const at = (ms: number): void => void clock.mockReturnValue(ms);
  try {
    at(0);
    const [one, other] = [journal.producer('kcat'), journal.producer('kcat')];
    const ack = (ms: number, producer: typeof one): void => {
      at(ms);
      producer.acknowledge(producer.sequences.length, 0, -1);
    };
    for (const it of [one, other]) ack(1000, it);
    ack(1050, one);
    ack(1400, other);
    ack(4050, one);
    ack(9000, other);
    expect(journal.longestGapsMs(1000, 1300)).toEqual(new Map([['kcat', 3000]]));
    expect(journal.longestGapsMs(1400, 2000)).toEqual(new Map([['kcat', 7600]]));
    expect(journal.longestGapsMs(5000, 9000)).toEqual(new Map());
  } finally {
    clock.mockRestore();
  }
});
