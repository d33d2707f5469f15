import { ConnectError, type Converter, type Headers } from '@millrace/connect-api';
import type { ConverterSpec, TaskSpec } from '../isolation/task-protocol.js';
import { loadConverter } from '../plugins/load-plugin.js';

/** A header as Kafka has it. */
export interface WireHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** The converters of one task. */
export class TaskConverters {
  readonly key: Converter;
  readonly value: Converter;
  private readonly header: Converter;

  constructor(spec: TaskSpec) {
    this.key = configured(spec.keyConverter, true);
    this.value = configured(spec.valueConverter, false);
    this.header = configured(spec.headerConverter, false);
  }

  headersToWire(topic: string, headers: Headers | undefined): WireHeader[] | undefined {
    if (headers === undefined || headers.length === 0) return undefined;
    return headers.map((it) => {
      const bytes = this.header.fromConnectData(topic, it.schema, it.value);
      return { key: it.key, value: bytes && Uint8Array.from(bytes) };
    });
  }

  headersFromWire(topic: string, headers: readonly WireHeader[]): Headers {
    return headers.map((it) => ({ key: it.key, ...this.header.toConnectData(topic, it.value) }));
  }
}

/** What fails a task whose errors are not tolerated. */
export function intolerable(stage: string, cause: unknown): ConnectError {
  const error = new ConnectError(`Tolerance exceeded in error handler (${stage})`);
  error.cause = cause;
  return error;
}

function configured(spec: ConverterSpec, isKey: boolean): Converter {
  const converter = loadConverter(spec.plugin);
  converter.configure({ ...spec.config, 'converter.type': isKey ? 'key' : 'value' }, isKey);
  return converter;
}
