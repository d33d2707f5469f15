import { compareValues } from '../bson/order.js';
import { BsonType, encodeDocument, fieldsOf, isTrue, longOf, numberOf, parseDocument, textOf, toRaw, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { ChangeStream } from '../change-stream/change-stream.js';
import { valueAt } from '../query/field-path.js';
import { compileMatch } from '../query/matcher.js';
import { compileStage, stagesOf, unknownStage } from '../query/pipeline.js';
import { badValue } from '../server-error.js';
import { idOf } from '../store/catalog.js';
import type { Answer, CommandContext } from './command.js';

export function find({ command, database, workspace, cursors }: CommandContext): Answer {
  const name = textOf(command.get('find'))!;
  const documents = documentsOf({ workspace, database }, name).filter(filterOf(command.get('filter')));
  const least = fieldsOf(command.get('min'))?.get('_id');
  const bounded = least ? documents.filter((it) => compareValues(idOf(it), least) >= 0) : documents;
  const sorted = sortBy(bounded, fieldsOf(command.get('sort')));
  const skip = numberOf(command.get('skip')) ?? 0;
  const limit = numberOf(command.get('limit')) ?? 0;
  const cut = sorted.slice(skip, limit === 0 ? undefined : skip + Math.abs(limit));
  const projection = command.get('projection');
  const project = projection && (fieldsOf(projection)?.size ?? 0) > 0 ? compileStage('$project', projection) : undefined;
  const shown = project ? cut.map((it) => encodeDocument(project(parseDocument(it))!)) : cut;
  return { cursor: cursors.start(`${database}.${name}`, { documents: shown }, numberOf(command.get('batchSize')), isTrue(command.get('singleBatch')) || limit < 0) };
}

export function count({ command, database, workspace }: CommandContext): Answer {
  const documents = documentsOf({ workspace, database }, textOf(command.get('count'))!);
  return { n: documents.filter(filterOf(command.get('query'))).length };
}

export function aggregate(context: CommandContext): Answer {
  const { command, database, cursors } = context;
  const name = textOf(command.get('aggregate'));
  const stages = stagesOf(command.get('pipeline'));
  const batchSize = numberOf(fieldsOf(command.get('cursor'))?.get('batchSize'));
  const [first, ...rest] = stages;
  if (first?.[0] === '$changeStream') {
    const specification = fieldsOf(first[1]) ?? new Map<string, RawValue>();
    const isForDeployment = isTrue(specification.get('allChangesForCluster'));
    if (isForDeployment && database !== 'admin') throw badValue('A $changeStream with allChangesForCluster may only be opened on the admin database');
    const scope = { database: isForDeployment ? undefined : database, collection: name };
    const stream = new ChangeStream(context.store, scope, specification, rest, context.eventBytesMax);
    return { cursor: cursors.start(`${database}.${name ?? '$cmd.aggregate'}`, { stream }, batchSize) };
  }
  let documents: RawDocument[] = documentsOf(context, name ?? '').map((it) => parseDocument(it));
  for (const [stage, argument] of stages) documents = runStage(documents, stage, argument);
  return { cursor: cursors.start(`${database}.${name}`, { documents: documents.map(encodeDocument) }, batchSize) };
}

function runStage(documents: RawDocument[], name: string, argument: RawValue): RawDocument[] {
  const each = compileStage(name, argument);
  if (each) return documents.flatMap((it) => each(it) ?? []);
  switch (name) {
    case '$sort':
      return sortBy(documents.map(encodeDocument), fieldsOf(argument)).map((it) => parseDocument(it));
    case '$limit':
      return documents.slice(0, numberOf(argument));
    case '$skip':
      return documents.slice(numberOf(argument));
    case '$count':
      return documents.length === 0 ? [] : [new Map([[textOf(argument)!, toRaw(documents.length)]])];
    case '$sample':
      return sample(documents, numberOf(fieldsOf(argument)?.get('size')) ?? 0);
    case '$group':
      return groupAll(documents, argument);
    default:
      throw unknownStage(name);
  }
}

function sample(documents: readonly RawDocument[], size: number): RawDocument[] {
  const rest = [...documents];
  const chosen: RawDocument[] = [];
  while (chosen.length < size && rest.length > 0) chosen.push(...rest.splice(Math.floor(Math.random() * rest.length), 1));
  return chosen;
}

/** What the drivers' countDocuments sends: one group with a sum of a constant. */
function groupAll(documents: readonly RawDocument[], argument: RawValue): RawDocument[] {
  const fields = fieldsOf(argument)!;
  const sum = numberOf(fieldsOf(fields.get('n'))?.get('$sum'));
  if (sum === undefined || fields.size !== 2) throw unknownStage('$group other than a count');
  return documents.length === 0 ? [] : [new Map([['_id', fields.get('_id')!], ['n', toRaw(documents.length * sum)]])];
}

export async function getMore({ command, cursors, signal, store }: CommandContext): Promise<Answer> {
  const cursor = await cursors.more(longOf(command.get('getMore')) ?? 0n, {
    batchSize: numberOf(command.get('batchSize')),
    awaitMs: numberOf(command.get('maxTimeMS')),
    signal,
    changed: (until) => store.changed(until),
  });
  return { cursor };
}

export function killCursors({ command, cursors }: CommandContext): Answer {
  const ids = [...parseDocument(command.get('cursors')!.bytes).values()];
  const [killed, notFound] = [ids.filter((it) => cursors.kill(longOf(it) ?? 0n)), [] as RawValue[]];
  return { cursorsKilled: killed, cursorsNotFound: notFound.concat(ids.filter((it) => !killed.includes(it))), cursorsAlive: [], cursorsUnknown: [] };
}

function documentsOf({ workspace, database }: Pick<CommandContext, 'workspace' | 'database'>, name: string): Buffer[] {
  return [...(workspace.catalog.collection(database, name)?.documents.values() ?? [])];
}

function filterOf(filter: RawValue | undefined): (document: Buffer) => boolean {
  const fields = fieldsOf(filter);
  if (!fields || fields.size === 0) return () => true;
  const matches = compileMatch(fields);
  return (document) => matches(parseDocument(document));
}

function sortBy(documents: Buffer[], sort: RawDocument | undefined): Buffer[] {
  if (!sort || sort.size === 0) return documents;
  const keys = [...sort].map(([path, direction]) => ({ path, factor: numberOf(direction) === -1 ? -1 : 1 }));
  if (keys.some((it) => it.path === '$natural')) return keys[0]!.factor < 0 ? documents.reverse() : documents;
  const missing: RawValue = { type: BsonType.null, bytes: Buffer.alloc(0) };
  const decorated = documents.map((document) => {
    const fields = parseDocument(document);
    return { document, values: keys.map(({ path }) => valueAt(fields, path) ?? missing) };
  });
  decorated.sort((a, b) => keys.reduce((order, { factor }, index) => order || factor * compareValues(a.values[index]!, b.values[index]!), 0));
  return decorated.map((it) => it.document);
}
