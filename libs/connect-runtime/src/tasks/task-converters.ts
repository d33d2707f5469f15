import type { Converter, HeaderConverter, Headers } from '@millrace/connect-api';
import type { ConverterSpec, TaskSpec } from '../isolation/task-protocol.js';
import { loadConverter, loadHeaderConverter } from '../plugins/load-plugin.js';

/** A header as Kafka has it. */
export interface WireHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record's headers before they are looked at. */
export interface WireHeaders {
  headerBytes(): Uint8Array;
  headers(): readonly WireHeader[];
}

const NO_HEADERS: Headers = [];

/** The converters of one task. */
export class TaskConverters {
  readonly key: Converter;
  readonly value: Converter;
  private readonly header: HeaderConverter;
  private sent: { readonly topic: string; readonly headers: Headers; readonly wire: WireHeader[] } = { topic: '', headers: NO_HEADERS, wire: [] };
  private read: { readonly topic: string; readonly bytes: Uint8Array; readonly headers: Headers } = { topic: '', bytes: new Uint8Array(), headers: NO_HEADERS };

  constructor(spec: Pick<TaskSpec, 'keyConverter' | 'valueConverter' | 'headerConverter'>) {
    this.key = configured(spec.keyConverter, true);
    this.value = configured(spec.valueConverter, false);
    this.header = loadHeaderConverter(spec.headerConverter.plugin);
    this.header.configure({ ...spec.headerConverter.config, 'converter.type': 'header' });
  }

  /** Records in a row often carry the same headers: they are converted once while they are the same array. */
  headersToWire(topic: string, headers: Headers | undefined): WireHeader[] | undefined {
    if (headers === undefined || headers.length === 0) return undefined;
    if (headers !== this.sent.headers || topic !== this.sent.topic) {
      const wire = headers.map((it) => {
        const bytes = this.header.fromConnectHeader(topic, it.key, it.schema, it.value);
        return { key: it.key, value: bytes && Uint8Array.from(bytes) };
      });
      this.sent = { topic, headers, wire };
    }
    return this.sent.wire;
  }

  /** The same on the way back: they are converted once while their bytes are the same. */
  headersFromWire(topic: string, source: WireHeaders): Headers {
    const bytes = source.headerBytes();
    if (bytes.length === 0) return NO_HEADERS;
    if (topic !== this.read.topic || Buffer.compare(bytes, this.read.bytes) !== 0) {
      // What is kept must not point into the batch.
      const headers = source.headers().map((it) => ({ key: it.key, ...this.header.toConnectHeader(topic, it.key, it.value && Uint8Array.from(it.value)) }));
      this.read = { topic, bytes: Uint8Array.from(bytes), headers };
    }
    return this.read.headers;
  }
}

function configured(spec: ConverterSpec, isKey: boolean): Converter {
  const converter = loadConverter(spec.plugin);
  converter.configure({ ...spec.config, 'converter.type': isKey ? 'key' : 'value' }, isKey);
  return converter;
}
