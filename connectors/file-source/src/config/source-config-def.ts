import { ConfigDef } from '@millrace/connect-api';

const UNBUILT_FORMATS = ['csv', 'json', 'multiline', 'regex', 'grok', 'xml', 'avro', 'parquet', 'bytes', 'file'];

/** What a rotation puts behind a file's name: `.1`, `-20261121`, `.2026-11-21-10`, `.old`, `.gz` and several of them. */
const ROTATED_SUFFIX = String.raw`(?:[._-]\d{1,5}|[._-]\d{8,14}|[._-]\d{4}-\d{2}-\d{2}(?:[T_.-]?\d{2}){0,3}|[._-]\d{10,13}|\.(?:old|bak|gz)|~)+$`;

/** The settings of the file source; `file`, `topic` and `batch.size` are those of Kafka's own. */
export const SOURCE_CONFIG = new ConfigDef({
  file: { kind: 'string', default: null, importance: 'high', group: 'Files', displayName: 'File', doc: 'One file, through all its rotations, as one stream; offsets are those of Kafka\'s FileStreamSource. Either this or `include`.' },
  include: { kind: 'list', default: '', importance: 'high', group: 'Files', displayName: 'Include', doc: 'Files by path or glob (`*`, `**`, `?`, `[ab]`, `(a|b)`), absolute. Each file is a stream of its own. A glob with a comma cannot be given: write two.' },
  exclude: { kind: 'list', default: '', importance: 'medium', group: 'Files', displayName: 'Exclude', doc: 'Globs of files that are left out.' },
  topic: { kind: 'string', importance: 'high', group: 'Records', displayName: 'Topic', doc: 'The topic to publish data to', check: (it: string) => (it === '' ? 'String must be non-empty' : undefined) },
  'batch.size': { kind: 'int', default: '2000', min: 1, importance: 'low', group: 'Records', displayName: 'Batch', doc: 'Records of one poll at most.' },
  format: {
    kind: 'string', default: 'line', importance: 'high', group: 'Records', displayName: 'Format', doc: 'line: a record is a line. ndjson: a line is a JSON text, the value is what it says, without a schema.',
    recommend: () => ['line', 'ndjson'],
    check: (it: string) => (it === 'line' || it === 'ndjson' ? undefined : UNBUILT_FORMATS.includes(it) ? `The format ${it} is not built yet: line and ndjson are` : 'String must be one of: line, ndjson'),
  },
  'value.type': { kind: 'string', default: 'string', oneOf: ['string', 'bytes'], importance: 'medium', group: 'Records', displayName: 'Value', doc: 'With format=line: the line as text, or its bytes as they are.' },
  encoding: { kind: 'string', default: 'utf-8', importance: 'medium', group: 'Records', displayName: 'Encoding', doc: 'Of the text in the files: utf-8, utf-16le, utf-16be, iso-8859-1, windows-1252, shift_jis, gbk, euc-jp, …' },
  'record.headers': { kind: 'boolean', default: 'false', importance: 'low', group: 'Records', displayName: 'Headers', doc: 'Adds the headers file.path, file.offset (of the line\'s first byte), file.line (from 1) and file.modified (ms).' },
  'line.bytes.max': { kind: 'int', default: '1048576', min: 16, importance: 'medium', group: 'Records', displayName: 'Longest line', doc: 'A longer line is a bad record.' },
  'bad.record.policy': { kind: 'string', default: 'fail', oneOf: ['fail', 'skip'], importance: 'medium', group: 'Records', displayName: 'Bad records', doc: 'fail: the task fails at a line that is too long, is not JSON, or at a broken gzip file, and says which. skip: it logs and goes on behind it.' },
  'last.line.idle.ms': { kind: 'long', default: '5000', min: -1, importance: 'medium', group: 'Records', displayName: 'Last line', doc: 'A last line without a line break becomes a record when nothing has been added to it for so long (-1: never), or when its file is rotated away.' },
  'file.identity': { kind: 'string', default: 'fingerprint', oneOf: ['fingerprint', 'inode', 'path'], importance: 'medium', group: 'Files', displayName: 'Identity', doc: 'How a file is known again under another name or after a restart. fingerprint: by its first bytes (a shorter file by its inode, until it has grown): through renames, copies, compression and other disks; of two equal files one is read. inode: through renames. path: not at all.' },
  'fingerprint.bytes': { kind: 'int', default: '1024', min: 64, max: 1_048_576, importance: 'low', group: 'Files', displayName: 'Fingerprint', doc: 'More than what different files may begin with in common.' },
  'rotated.pattern': { kind: 'string', default: ROTATED_SUFFIX, importance: 'low', group: 'Files', displayName: 'Rotated names', doc: 'A regular expression of what a rotation adds to a file\'s name. Files whose names are equal without it belong together: they are read by one task, and what was begun is finished under the new name even if no glob matches that.', check: regexProblem },
  'rotate.wait.ms': { kind: 'long', default: '5000', min: 0, importance: 'medium', group: 'Files', displayName: 'Rotated: wait', doc: 'How long the end of a file that was renamed or deleted is watched for writers that have not noticed.' },
  'scan.interval.ms': { kind: 'long', default: '1000', min: 1, max: 3_600_000, importance: 'medium', group: 'Files', displayName: 'Scan', doc: 'How often the folders are looked through. What the watcher reports is found at once.' },
  watch: { kind: 'boolean', default: 'true', importance: 'low', group: 'Files', displayName: 'Watch', doc: 'Whether the operating system is asked to report changes. It is a hint: nothing is missed without it, only later found.' },
  'open.files.max': { kind: 'int', default: '256', min: 1, importance: 'low', group: 'Files', displayName: 'Open files', doc: 'Files that are held open. One that is deleted while it is not open is lost.' },
  'cleanup.policy': { kind: 'string', default: 'none', oneOf: ['none', 'delete', 'move'], importance: 'medium', group: 'Clean-up', displayName: 'Clean-up', doc: 'What becomes of a file when all its records are stored and it has not changed for `cleanup.idle.ms`. Not for files that are being written.' },
  'cleanup.idle.ms': { kind: 'long', default: '60000', min: 0, importance: 'medium', group: 'Clean-up', displayName: 'Idle', doc: 'See cleanup.policy.' },
  'cleanup.directory': { kind: 'string', default: null, importance: 'medium', group: 'Clean-up', displayName: 'Folder', doc: 'Where cleanup.policy=move puts files: a folder of the same disk that no glob matches.' },
});

function regexProblem(text: string): string | undefined {
  try {
    new RegExp(text, 'u');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
