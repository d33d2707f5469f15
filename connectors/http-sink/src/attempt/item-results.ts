import type { Classification } from './classification.js';
import type { Failure, Outcome } from '../schedule/message.js';

export interface ItemResultsSettings {
  /** Path of the array in the answer; empty: the answer is the array. */
  readonly arrayPath: readonly string[];
  /** Path of the status within an element. */
  readonly statusPath: readonly string[];
}

/** The answer to a batch, item by item: an array as long as the batch, in its order, each element with a status. A string tells why it is none. */
export function itemResults(body: Uint8Array, items: number, settings: ItemResultsSettings, classification: Classification): Outcome | string {
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  } catch {
    return 'the answer is not JSON';
  }
  const array = at(answer, settings.arrayPath);
  if (!Array.isArray(array)) return 'the answer holds no array of results';
  if (array.length !== items) return `the answer holds ${array.length} results for ${items} records`;
  const results: (Failure | null)[] = [];
  for (const [index, element] of array.entries()) {
    const status = Number(at(element, settings.statusPath));
    if (!Number.isInteger(status) || status < 100 || status > 599) return `result ${index} has no status`;
    results.push(status >= 200 && status < 300 ? null : ofItem(classification, status, index));
  }
  return { kind: 'itemized', results };
}

function ofItem(classification: Classification, status: number, index: number): Failure {
  const failure = classification.ofStatus(status, `The endpoint answered ${status} for item ${index} of a batch`);
  return failure.kind === 'too-large' ? { ...failure, kind: 'permanent' } : failure;
}

function at(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}
