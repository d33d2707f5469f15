import type { Document } from 'mongodb';
import { alternatives, splitList } from '../config/regex-list.js';
import type { SourceSettings } from '../config/source-settings.js';
import { readUserPipeline } from './user-pipeline.js';

/** The stages behind `$changeStream`: what is not captured is left out by the server already. */
export function changeStreamStages(settings: SourceSettings): Document[] {
  const { values } = settings;
  const user = readUserPipeline(values['cursor.pipeline']);
  const internal: Document[] = [{ $match: { $and: [{ operationType: { $in: operations(settings) } }, ...namespaceFilters(settings)] } }];
  const order = values['cursor.pipeline.order'].toLowerCase();
  const both = order === 'user_only' ? user : order === 'user_first' ? [...user, ...internal] : [...internal, ...user];
  const oversize = values['cursor.oversize.handling.mode'].toLowerCase();
  if (oversize === 'skip') return [sizeStage(values['cursor.oversize.skip.threshold']), ...both];
  return oversize === 'split' ? [...both, { $changeStreamSplitLargeEvent: {} }] : both;
}

/** `$changeStream` itself, with where to start. */
export function changeStreamStage(settings: SourceSettings, start: Document): Document {
  const mode = settings.values['capture.mode'].toLowerCase();
  const specification: Document = { ...start };
  if (settings.target.database === undefined) specification.allChangesForCluster = true;
  if (mode.startsWith('change_streams_update_full')) specification.fullDocument = settings.values['capture.mode.full.update.type'].toLowerCase() === 'post_image' ? 'whenAvailable' : 'updateLookup';
  if (mode.endsWith('_with_pre_image')) specification.fullDocumentBeforeChange = 'whenAvailable';
  return { $changeStream: specification };
}

function operations({ skipped }: SourceSettings): string[] {
  return [...(skipped.has('c') ? [] : ['insert']), ...(skipped.has('u') ? [] : ['update', 'replace']), ...(skipped.has('d') ? [] : ['delete'])];
}

function sizeStage(threshold: number): Document {
  const small = (field: string): Document => ({ $expr: { $lte: [{ $bsonSize: field }, threshold] } });
  return { $match: { $and: [small('$fullDocument'), small('$fullDocumentBeforeChange')] } };
}

function namespaceFilters({ values }: SourceSettings): Document[] {
  const isLiteral = values['filters.match.mode'].toLowerCase() === 'literal';
  const build = isLiteral ? literalFilter : expressionFilter;
  return [build('database', values['database.include.list'], false), build('database', values['database.exclude.list'], true), build('collection', values['collection.include.list'], false), build('collection', values['collection.exclude.list'], true)].filter(
    (it) => it !== undefined,
  );
}

function literalFilter(level: 'database' | 'collection', list: string | null, isExclusion: boolean): Document | undefined {
  const names = splitList(list);
  if (names.length === 0) return undefined;
  const operator = isExclusion ? '$nin' : '$in';
  if (level === 'database') return { 'ns.db': { [operator]: names } };
  return {
    ns: {
      [operator]: names.map((it) => {
        const dot = it.indexOf('.');
        return { db: it.slice(0, dot), coll: it.slice(dot + 1) };
      }),
    },
  };
}

function expressionFilter(level: 'database' | 'collection', list: string | null, isExclusion: boolean): Document | undefined {
  const regex = alternatives(list);
  if (regex === undefined) return undefined;
  if (level === 'database') return isExclusion ? { 'ns.db': { $not: { $regex: regex, $options: 'i' } } } : { 'ns.db': { $regex: regex, $options: 'i' } };
  const matches = { $regexMatch: { input: { $concat: ['$ns.db', '.', '$ns.coll'] }, regex, options: 'i' } };
  return { $expr: isExclusion ? { $not: [matches] } : matches };
}
