import { Schema } from '@millrace/connect-api';

const STRING = Schema.of('string');
const LONG = Schema.of('int64');
const OPTIONAL_STRING = Schema.of('string', { optional: true });
const OPTIONAL_LONG = Schema.of('int64', { optional: true });
const OPTIONAL_BYTES = Schema.of('bytes', { optional: true });

export const SOURCE_SCHEMA = Schema.struct(
  [
    ['version', STRING],
    ['connector', STRING],
    ['name', STRING],
    ['ts_ms', LONG],
    ['snapshot', Schema.of('string', { optional: true, name: 'io.debezium.data.Enum', version: 1, parameters: { allowed: 'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental' }, default: 'false' })],
    ['db', STRING],
    ['sequence', OPTIONAL_STRING],
    ['ts_us', OPTIONAL_LONG],
    ['ts_ns', OPTIONAL_LONG],
    ['schema', STRING],
    ['table', STRING],
    ['txId', OPTIONAL_LONG],
    ['lsn', OPTIONAL_LONG],
    ['xmin', OPTIONAL_LONG],
    ['origin', OPTIONAL_STRING],
    ['origin_lsn', OPTIONAL_LONG],
  ],
  { name: 'io.debezium.connector.postgresql.Source', version: 1 },
);

export const TRANSACTION_BLOCK = Schema.struct(
  [
    ['id', STRING],
    ['total_order', LONG],
    ['data_collection_order', LONG],
  ],
  { name: 'event.block', version: 1, optional: true },
);

export function envelopeSchema(name: string, row: Schema): Schema {
  return Schema.struct(
    [
      ['before', row],
      ['after', row],
      ['source', SOURCE_SCHEMA],
      ['transaction', TRANSACTION_BLOCK],
      ['op', STRING],
      ['ts_ms', OPTIONAL_LONG],
      ['ts_us', OPTIONAL_LONG],
      ['ts_ns', OPTIONAL_LONG],
    ],
    { name: `${name}.Envelope`, version: 2 },
  );
}

export const MESSAGE_KEY = Schema.struct([['prefix', OPTIONAL_STRING]], { name: 'io.debezium.connector.postgresql.MessageKey', version: 1 });
/** `content` in the representation of `binary.handling.mode`. */
export function messageSchema(content: 'bytes' | 'string'): Schema {
  const block = Schema.struct(
    [
      ['prefix', OPTIONAL_STRING],
      ['content', content === 'bytes' ? OPTIONAL_BYTES : OPTIONAL_STRING],
    ],
    { name: 'io.debezium.connector.postgresql.Message', version: 1 },
  );
  return Schema.struct(
    [
      ['op', STRING],
      ['ts_ms', OPTIONAL_LONG],
      ['source', SOURCE_SCHEMA],
      ['transaction', TRANSACTION_BLOCK],
      ['message', block],
    ],
    { name: 'io.debezium.connector.postgresql.MessageValue', version: 1 },
  );
}

export const HEARTBEAT_KEY = Schema.struct([['serverName', STRING]], { name: 'io.debezium.connector.common.ServerNameKey', version: 1 });
export const HEARTBEAT_VALUE = Schema.struct([['ts_ms', LONG]], { name: 'io.debezium.connector.common.Heartbeat', version: 1 });

export const TRANSACTION_KEY = Schema.struct([['id', STRING]], { name: 'io.debezium.connector.common.TransactionMetadataKey', version: 1 });
export const TRANSACTION_COLLECTION = Schema.struct(
  [
    ['data_collection', STRING],
    ['event_count', LONG],
  ],
  { name: 'event.collection', version: 1, optional: true },
);
export const TRANSACTION_VALUE = Schema.struct(
  [
    ['status', STRING],
    ['id', STRING],
    ['event_count', OPTIONAL_LONG],
    ['data_collections', Schema.array(TRANSACTION_COLLECTION, { optional: true })],
    ['ts_ms', LONG],
  ],
  { name: 'io.debezium.connector.common.TransactionMetadataValue', version: 1 },
);
