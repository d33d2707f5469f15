import { ConnectError, DataError, RetriableError, SinkTask, type ConfigOf, type SinkRecord, type SinkTaskContext, type Value } from '@millrace/connect-api';
import { SETTINGS } from './example-sink.js';

/**
 * Stores each record's value under its key. `put` resolves when all of them are stored, so what it was given may be committed: nothing
 * else is needed for "at least once". A record that comes again is stored under the same key again, which changes nothing.
 */
export class ExampleSinkTask extends SinkTask {
  private context!: SinkTaskContext;
  private settings!: ConfigOf<typeof SETTINGS>;

  start(context: SinkTaskContext): void {
    this.context = context;
    this.settings = SETTINGS.parse(context.config);
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    // One after the other: the last record of a key must be the one that stays.
    for (const record of records) {
      try {
        await this.store(record);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        // This record is at fault, not the service: with errors.tolerance=all it goes to the dead-letter topic and the rest goes on.
        await this.context.errantRecordReporter.report(record, error);
      }
    }
  }

  stop(): void {}

  private async store(record: SinkRecord): Promise<void> {
    const { url, token, 'request.timeout.ms': timeoutMs } = this.settings;
    if (record.key === null) throw new DataError('a record without a key has no place');
    const init: RequestInit =
      record.value === null ? { method: 'DELETE' } : { method: 'PUT', headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token.reveal()}` }) }, body: jsonOf(record.value) };
    let response: Response;
    try {
      response = await fetch(`${url}/${encodeURIComponent(String(record.key))}`, { ...init, signal: AbortSignal.any([this.context.signal, AbortSignal.timeout(timeoutMs)]) });
      await response.body?.cancel();
    } catch (error) {
      // The whole batch comes again, as often as it takes.
      throw new RetriableError(`${url} does not answer`, { cause: error });
    }
    if (response.ok) return;
    const problem = `${url} answers ${response.status}`;
    if (response.status === 400 || response.status === 422) throw new DataError(problem);
    throw response.status >= 500 || response.status === 429 ? new RetriableError(problem) : new ConnectError(problem);
  }
}

/** A value as JSON: structs field by field, integers in full. */
function jsonOf(value: Value): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, it]) => `${JSON.stringify(String(key))}:${jsonOf(it)}`).join(',')}}`;
  if ('visit' in value) return `{${value.schema.fields.map(({ name }) => `${JSON.stringify(name)}:${jsonOf(value.get(name))}`).join(',')}}`;
  return JSON.stringify(value.toString());
}
