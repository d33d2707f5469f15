import type { Schema, ValueWriter } from '@millrace/connect-api';
import type { BinaryMode } from '../columns/encoders/binary.js';
import { messageSchema } from '../tables/envelope-schemas.js';

/** How logical messages are shown: their content as `binary.handling.mode` says. */
export class MessageForm {
  readonly schema: Schema;
  readonly block: Schema;

  constructor(private readonly mode: BinaryMode) {
    this.schema = messageSchema(mode === 'bytes' ? 'bytes' : 'string');
    this.block = this.schema.fields[4]!.schema;
  }

  writeContent(writer: ValueWriter, content: Uint8Array): void {
    if (this.mode === 'bytes') return writer.bytes(content, 0, content.length);
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    if (this.mode === 'hex') writer.string(bytes.toString('hex'));
    else if (this.mode === 'base64') writer.string(bytes.toString('base64'));
    else writer.string(bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_'));
  }
}
