import type { Line } from './compare.js';

export interface Difference {
  readonly profile: string;
  readonly topic: string;
  readonly part: 'count' | 'record' | 'keySchema' | 'valueSchema' | 'value';
  readonly path?: string;
  readonly oursText?: string;
  readonly theirsText?: string;
  readonly ours: Line | null;
  readonly theirs: Line | null;
}

/** A difference from Debezium that is wanted; README.md says why. */
interface Deviation {
  readonly name: string;
  matches(it: Difference): boolean;
}

const inTable = (it: Difference, table: string): boolean => new RegExp(`[._]public[._]${table}$`).test(it.topic);
const field = (it: Difference): string => /^(?:\.fields\."(?:before|after)"\.fields\."(\w+)"|\.(?:before|after)\.(\w+))/.exec(it.path ?? '')?.slice(1).find((name) => name !== undefined) ?? '';
const isValue = (it: Difference): boolean => it.part === 'value';
const isText = (it: Difference): boolean => isValue(it) || it.part === 'valueSchema';

export const DEVIATIONS: readonly Deviation[] = [
  { name: 'dates before Christ and infinite dates', matches: (it) => isValue(it) && ((inTable(it, 'times') && field(it) === 'd') || (inTable(it, 'arrays') && ['ad', 'ats', 'atst'].includes(field(it)))) },
  { name: '24:00:00 and fractions in arrays of time and timetz, 24:00:00 in timetz', matches: (it) => isValue(it) && ((inTable(it, 'arrays') && ['ati', 'atz'].includes(field(it))) || (inTable(it, 'times') && field(it) === 'tz')) },
  { name: 'timestamps beyond int64', matches: (it) => isValue(it) && inTable(it, 'times') && field(it) === 'ts6' && it.oursText === '9223372036854775807' && !it.profile.startsWith('nano') },
  { name: 'infinity as ISO text', matches: (it) => isValue(it) && it.profile.startsWith('isostring') && /^"-?infinity"$/.test(it.oursText ?? '') },
  { name: 'bounds of nanoseconds', matches: (it) => isValue(it) && it.profile.startsWith('nano') && /^-?922337203685477580[78]$/.test(it.oursText ?? '') && ['null', '0'].includes(it.theirsText ?? '') },
  { name: 'name columns while streaming', matches: (it) => isValue(it) && inTable(it, 'texts') && field(it) === 'nm' },
  { name: 'doubled quotes in defaults', matches: (it) => isText(it) && inTable(it, 'texts') && field(it) === 'dt' },
  { name: 'enum labels added or renamed while running', matches: (it) => it.part === 'valueSchema' && /\.parameters\.allowed$/.test(it.path ?? '') },
  { name: 'elements of enum arrays may be null', matches: (it) => (it.part === 'valueSchema' && /\.items\.optional$/.test(it.path ?? '') && it.oursText === 'true') || (isValue(it) && ['ae', 'aw'].includes(field(it)) && it.theirsText === 'null') },
  { name: 'nested arrays', matches: (it) => isValue(it) && inTable(it, 'arrays') && (it.theirsText ?? '').includes('[Ljava.lang') },
  { name: 'box, lseg, path, polygon, circle and line', matches: (it) => isText(it) && inTable(it, 'shapes') && ['b', 'ls', 'pa', 'pao', 'pl', 'ci', 'li'].includes(field(it)) },
  { name: 'arrays of money, name, interval, bit, varbit, xml, point and domains', matches: (it) => isText(it) && inTable(it, 'dropped_types') && ['am', 'anm', 'ai', 'ab', 'avb', 'ax', 'ap', 'adom'].includes(field(it)) },
  { name: 'a replica identity by an index without the primary key', matches: (it) => inTable(it, 'index_identity') && (it.part === 'record' || it.part === 'count') && (it.ours === null || it.theirs === null || /"k":999/.test(`${it.ours.value}${it.theirs.value}`) || /"id":0/.test(`${it.theirs.key}`)) },
  { name: 'placeholders in text forms of bytea', matches: (it) => isValue(it) && inTable(it, 'toasted') && field(it) === 'bin' && it.theirsText === 'null' },
  { name: 'key columns that are left out of values', matches: (it) => (it.part === 'keySchema' && /\.optional$/.test(it.path ?? '') && it.theirsText === 'true') || (it.part === 'record' && it.profile === 'keys' && inTable(it, 'composite_key')) },
  { name: 'logical messages by a name in the transaction topic', matches: (it) => isValue(it) && /data_collections/.test(it.path ?? '') && (it.theirsText ?? '').includes('LogicalDecodingMessageId') },
  { name: 'comments while streaming', matches: (it) => it.part === 'valueSchema' && (/\.doc$/.test(it.path ?? '') || /source\.column\.comment$/.test(it.path ?? '')) && it.theirsText === '(absent)' },
];

/** The name of the deviation that the difference belongs to. */
export function deviationOf(it: Difference): string | undefined {
  return DEVIATIONS.find((deviation) => deviation.matches(it))?.name;
}
