import { Schema } from '@millrace/connect-api';
import type { Encode, TypeMapping } from './encode.js';

const DOUBLE_VECTOR = Schema.array(Schema.of('double'), { name: 'io.debezium.data.DoubleVector', version: 1 });
const FLOAT_VECTOR = Schema.array(Schema.of('float'), { name: 'io.debezium.data.FloatVector', version: 1 });
const SPARSE_MAP = Schema.map(Schema.of('int16'), Schema.of('double'));
const SPARSE_VECTOR = Schema.struct(
  [
    ['dimensions', Schema.of('int16')],
    ['vector', SPARSE_MAP],
  ],
  { name: 'io.debezium.data.SparseDoubleVector', version: 1, doc: 'Sparse double vector' },
);

/** pgvector: `[1,2.5]`. */
export const vectorMapping: TypeMapping = dense(DOUBLE_VECTOR);
export const halfVectorMapping: TypeMapping = dense(FLOAT_VECTOR);

/** pgvector: `{1:1.5,3:2}/5`. */
export const sparseVectorMapping: TypeMapping = { schema: SPARSE_VECTOR, encode: encodeSparse(), whenNull: (writer) => writeSparse(writer, 0, []) };

function dense(schema: Schema): TypeMapping {
  const write = (writer: Parameters<Encode>[0], values: readonly number[]): void => {
    writer.beginArray(schema, values.length);
    for (const value of values) writer.float(value);
    writer.endArray();
  };
  return {
    schema,
    encode: (writer, bytes, start, end) => write(writer, bytes.toString('latin1', start + 1, end - 1).split(',').filter((it) => it !== '').map(Number)),
    whenNull: (writer) => write(writer, []),
  };
}

function encodeSparse(): Encode {
  return (writer, bytes, start, end) => {
    const [body = '{}', dimensions = '0'] = bytes.toString('latin1', start, end).split('/');
    const pairs = body.slice(1, -1).split(',').filter((it) => it !== '').map((it) => it.split(':').map(Number));
    writeSparse(writer, Number(dimensions), pairs);
  };
}

function writeSparse(writer: Parameters<Encode>[0], dimensions: number, pairs: readonly (readonly number[])[]): void {
  if (!writer.beginStruct(SPARSE_VECTOR)) return;
  writer.integer(dimensions);
  writer.beginMap(SPARSE_MAP, pairs.length);
  for (const [index = 0, value = 0] of pairs) {
    writer.integer(index);
    writer.float(value);
  }
  writer.endMap();
  writer.endStruct();
}
