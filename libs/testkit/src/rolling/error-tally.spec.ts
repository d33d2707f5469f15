import { OperationalError } from '@millrace/foundation';
import { KafkaJSConnectionError, KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from 'kafkajs';
import { ErrorTally } from './error-tally.js';

function tallied(error: unknown): { seen: [string, number][]; isFinal: boolean } {
  const tally = new ErrorTally();
  tally.kafkaJs(error);
  return { seen: [...tally.seen()], isFinal: tally.problems().length > 0 };
}

/** As kafkajs makes it of a broker's answer. */
function answered(type: string, retriable: boolean): KafkaJSProtocolError {
  return new KafkaJSProtocolError(Object.assign(new Error(type), { type, code: 1, retriable }) as never);
}

const refused = (): Error => Object.assign(new KafkaJSConnectionError('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const givenUp = (cause: Error): Error => new KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 0, retryTime: 20 });
const final = (cause: Error): Error => Object.assign(new KafkaJSNonRetriableError(cause), { cause });

describe('ErrorTally', () => {
  it.each([
    ['what was given up by the number of attempts', givenUp(answered('NOT_LEADER_FOR_PARTITION', true)), 'NOT_LEADER_FOR_PARTITION'],
    ['… within a retrier that calls it final', final(givenUp(answered('NOT_LEADER_FOR_PARTITION', true))), 'NOT_LEADER_FOR_PARTITION'],
    ['a refused connection that was called final', final(refused()), 'ECONNREFUSED'],
    ['a refused connection', refused(), 'ECONNREFUSED'],
    ['an answer that may pass', answered('REQUEST_TIMED_OUT', true), 'REQUEST_TIMED_OUT'],
    ['an error of the system that was given up', givenUp(Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' })), 'ERR_STREAM_WRITE_AFTER_END'],
  ])('%s may be tried again', (_, error, name) => {
    expect(tallied(error)).toEqual({ seen: [[`kafkajs ${name}`, 1]], isFinal: false });
  });

  it.each([
    ['an answer that does not pass', answered('OUT_OF_ORDER_SEQUENCE_NUMBER', false), 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
    ['… as the retrier wraps it', final(answered('MESSAGE_TOO_LARGE', false)), 'MESSAGE_TOO_LARGE'],
    ['an error that says nothing of it', new Error('no such thing'), 'no such thing'],
    ['what is no error', 'odd', 'odd'],
  ])('%s may not', (_, error, name) => {
    expect(tallied(error)).toEqual({ seen: [[`kafkajs ${name}`, 1]], isFinal: true });
  });

  it('counts by name, and takes the word of our own errors', () => {
    const tally = new ErrorTally();
    for (const isRetriable of [true, true, false]) tally.ours(new OperationalError(isRetriable ? 'MAY_PASS' : 'STAYS', 'x', { isRetriable }));
    expect([...tally.seen()]).toEqual([['millrace MAY_PASS', 2], ['millrace STAYS', 1]]);
    expect(tally.problems()).toEqual(['not to be tried again: millrace STAYS, 1 times']);
  });
});
