import type { ConsumerRecord } from '@millrace/client';
import type { LetterFailure } from './redriven.js';

/** Of the headers by which Connect says why a record is a dead letter. */
const PREFIX = '__connect.errors.';

/** A record of a dead-letter topic: what it was, and what its context headers tell. */
export interface DeadLetter extends LetterFailure {
  /** The topic that it was read from; undefined without context headers. */
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  /** Without the context headers. */
  readonly headers: ConsumerRecord['headers'];
}

export function deadLetterOf({ headers }: Pick<ConsumerRecord, 'headers'>): DeadLetter {
  const text = (name: string): string | undefined => {
    // A record that has died twice may carry the older context too: the last one counts.
    const value = headers.findLast((it) => it.key === PREFIX + name)?.value;
    return value ? Buffer.from(value).toString('utf8') : undefined;
  };
  const partition = text('partition');
  return {
    topic: text('topic'),
    partition: partition !== undefined && /^\d+$/.test(partition) ? Number(partition) : undefined,
    stage: text('stage'),
    exceptionClass: text('exception.class.name'),
    headers: headers.filter((it) => !it.key.startsWith(PREFIX)),
  };
}
