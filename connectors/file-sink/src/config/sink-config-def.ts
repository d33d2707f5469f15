import { ConfigDef } from '@millrace/connect-api';
import { OUTPUT_FIELDS } from '../formats/record-format.js';

/** The settings of the file sink. `file` alone is Kafka's own file sink; `directory` is whole files, exactly once. */
export const SINK_CONFIG = new ConfigDef({
  file: { kind: 'string', default: null, importance: 'high', group: 'File', displayName: 'File', doc: 'Appends a line for each record to this file, at least once, as Kafka\'s FileStreamSink does. Without `file` and `directory`, the lines go to standard output.' },
  directory: { kind: 'string', default: null, importance: 'high', group: 'Files', displayName: 'Directory', doc: 'Writes whole files below this folder, each record exactly once. A file is visible only when it is complete and durable.' },
  'path.template': { kind: 'string', default: '{topic}', importance: 'medium', group: 'Files', displayName: 'Folder template', doc: 'The folder of a record\'s file, relative to `directory`: {topic}, {partition}, {key}, {key.field}, {value.field}, {header.name}, {timestamp:yyyy/MM/dd/HH} (the record\'s time in UTC).' },
  format: { kind: 'string', default: 'json', oneOf: ['json', 'csv', 'raw'], importance: 'high', group: 'Format', displayName: 'Format', doc: 'json: one JSON text a line; csv: RFC 4180; raw: the value\'s own text or bytes.' },
  'output.fields': { kind: 'list', default: 'value', oneOf: OUTPUT_FIELDS, importance: 'medium', group: 'Format', displayName: 'Parts of a record', doc: 'What is written of a record, in this order. With json and only `value` a line is the value itself, otherwise an object.' },
  'csv.header': { kind: 'boolean', default: 'true', importance: 'low', group: 'Format', displayName: 'Header', doc: 'Whether a CSV file begins with the names of its columns.' },
  'csv.delimiter': { kind: 'string', default: 'comma', oneOf: ['comma', 'semicolon', 'tab', 'pipe'], importance: 'low', group: 'Format', displayName: 'Delimiter', doc: 'What stands between two cells.' },
  'csv.columns': { kind: 'list', default: '', importance: 'medium', group: 'Format', displayName: 'Columns', doc: 'The fields of the value that become columns. Empty: all fields; a record with other fields than the one before begins a new file.' },
  'raw.separator': { kind: 'string', default: 'newline', oneOf: ['newline', 'crlf', 'nul', 'none'], importance: 'low', group: 'Format', displayName: 'Separator', doc: 'What stands behind each record with format=raw.' },
  compression: { kind: 'string', default: 'none', oneOf: ['none', 'gzip'], importance: 'medium', group: 'Format', displayName: 'Compression', doc: 'gzip: files are compressed, in members of about 256 KiB.' },
  'compression.level': { kind: 'int', default: '6', min: 1, max: 9, importance: 'low', group: 'Format', displayName: 'Level', doc: 'From fast to small.' },
  'rotate.records': { kind: 'int', default: '100000', min: 1, importance: 'medium', group: 'Rotation', displayName: 'Records', doc: 'A partition\'s files are completed after so many records.' },
  'rotate.bytes': { kind: 'long', default: '134217728', min: 1, importance: 'medium', group: 'Rotation', displayName: 'Bytes', doc: 'A partition\'s files are completed when one of them has so many bytes, before compression.' },
  'rotate.interval.ms': { kind: 'long', default: '60000', min: 1, max: 2_147_483_647, importance: 'medium', group: 'Rotation', displayName: 'Interval', doc: 'A partition\'s files are completed so long after their first record, also when nothing follows it.' },
  'tombstone.policy': { kind: 'string', default: 'skip', oneOf: ['skip', 'write', 'fail'], importance: 'medium', group: 'Format', displayName: 'Tombstones', doc: 'What becomes of a record whose value is null. (With `file` it is the line `null`, as in Kafka.)' },
  'open.files.max': { kind: 'int', default: '100', min: 1, importance: 'low', group: 'Files', displayName: 'Open files', doc: 'More files may be under way than are open: the one that was used longest ago is closed and opened again when needed.' },
});
