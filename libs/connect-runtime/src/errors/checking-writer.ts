import type { ValueWriter } from '@millrace/connect-api';

/** Takes a value and keeps nothing: a visit with it fails where the value cannot be read. */
export const CHECKING_WRITER: ValueWriter = {
  null: () => undefined,
  boolean: () => undefined,
  integer: () => undefined,
  long: () => undefined,
  integerText: () => undefined,
  float: () => undefined,
  string: () => undefined,
  utf8: () => undefined,
  bytes: () => undefined,
  decimalText: () => undefined,
  decimal: () => undefined,
  date: () => undefined,
  beginStruct: () => true,
  endStruct: () => undefined,
  beginArray: () => undefined,
  endArray: () => undefined,
  beginMap: () => undefined,
  endMap: () => undefined,
};
