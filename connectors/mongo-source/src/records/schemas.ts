import { Schema } from '@millrace/connect-api';

const STRING = Schema.of('string');
const LONG = Schema.of('int64');
const OPTIONAL_STRING = Schema.of('string', { optional: true });
const OPTIONAL_LONG = Schema.of('int64', { optional: true });
const OPTIONAL_JSON = Schema.of('string', { optional: true, name: 'io.debezium.data.Json', version: 1 });

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
    ['collection', STRING],
    ['ord', Schema.of('int32')],
    ['lsid', OPTIONAL_STRING],
    ['txnNumber', OPTIONAL_LONG],
    ['wallTime', OPTIONAL_LONG],
  ],
  { name: 'io.debezium.connector.mongo.Source', version: 1 },
);

export const TRUNCATED_ARRAY = Schema.struct(
  [
    ['field', STRING],
    ['size', Schema.of('int32')],
  ],
  { name: 'io.debezium.connector.mongodb.changestream.truncatedarray', version: 1 },
);
export const REMOVED_FIELDS = Schema.array(STRING, { optional: true });
export const TRUNCATED_ARRAYS = Schema.array(TRUNCATED_ARRAY, { optional: true });
export const UPDATE_DESCRIPTION = Schema.struct(
  [
    ['removedFields', REMOVED_FIELDS],
    ['updatedFields', OPTIONAL_JSON],
    ['truncatedArrays', TRUNCATED_ARRAYS],
  ],
  { name: 'io.debezium.connector.mongodb.changestream.updatedescription', version: 1, optional: true },
);

const TRANSACTION_BLOCK = Schema.struct(
  [
    ['id', STRING],
    ['total_order', LONG],
    ['data_collection_order', LONG],
  ],
  { name: 'event.block', version: 1, optional: true },
);

export function keySchema(topic: string): Schema {
  return Schema.struct([['id', STRING]], { name: `${topic}.Key` });
}

export function envelopeSchema(topic: string): Schema {
  return Schema.struct(
    [
      ['before', OPTIONAL_JSON],
      ['after', OPTIONAL_JSON],
      ['updateDescription', UPDATE_DESCRIPTION],
      ['source', SOURCE_SCHEMA],
      ['op', OPTIONAL_STRING],
      ['ts_ms', OPTIONAL_LONG],
      ['transaction', TRANSACTION_BLOCK],
    ],
    { name: `${topic}.Envelope` },
  );
}

export const HEARTBEAT_KEY = Schema.struct([['serverName', STRING]], { name: 'io.debezium.connector.common.ServerNameKey', version: 1 });
export const HEARTBEAT_VALUE = Schema.struct([['ts_ms', LONG]], { name: 'io.debezium.connector.common.Heartbeat', version: 1 });

export const NOTIFICATION_KEY = Schema.struct([['id', STRING]], { name: 'io.debezium.connector.common.NotificationKey', version: 1 });
const NOTIFICATION_DATA = Schema.map(STRING, STRING, { optional: true });
export const NOTIFICATION_VALUE = Schema.struct(
  [
    ['id', STRING],
    ['type', STRING],
    ['aggregate_type', STRING],
    ['additional_data', NOTIFICATION_DATA],
    ['timestamp', LONG],
  ],
  { name: 'io.debezium.connector.common.Notification', version: 1 },
);
