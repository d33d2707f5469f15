import { BsonType, documentValue, encodeDocument, fieldsOf, isTrue, itemsOf, numberOf, parseDocument, textOf, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { badValue, notBuilt } from '../server-error.js';
import { compileExpression } from './expression.js';
import { compileMatch } from './matcher.js';

/** One stage on one document; undefined: the document is dropped. */
export type Stage = (document: RawDocument) => RawDocument | undefined;

/** Compiles a stage that looks at one document at a time; undefined for others. */
export function compileStage(name: string, argument: RawValue): Stage | undefined {
  switch (name) {
    case '$match': {
      const fields = fieldsOf(argument);
      if (!fields) throw badValue('the match filter must be an expression in an object');
      const matches = compileMatch(fields);
      return (document) => (matches(document) ? document : undefined);
    }
    case '$addFields':
    case '$set':
      return compileAdd(argument);
    case '$unset': {
      const names = argument.type === BsonType.array ? itemsOf(argument).map((it) => textOf(it)!) : [textOf(argument)!];
      return (document) => names.reduce((rest, path) => without(rest, path.split('.')), document);
    }
    case '$replaceRoot':
    case '$replaceWith': {
      const root = name === '$replaceRoot' ? fieldsOf(argument)?.get('newRoot') : argument;
      if (!root) throw badValue('$replaceRoot needs newRoot');
      const expression = compileExpression(root);
      return (document) => {
        const fields = fieldsOf(expression(document));
        if (!fields) throw badValue("'newRoot' expression must evaluate to an object");
        return fields;
      };
    }
    case '$project':
      return compileProject(argument);
    default:
      return undefined;
  }
}

/** Splits a pipeline's stages into names and arguments. */
export function stagesOf(pipeline: RawValue | undefined): (readonly [string, RawValue])[] {
  return itemsOf(pipeline).map((it) => {
    const entries = [...(fieldsOf(it) ?? [])];
    if (entries.length !== 1) throw badValue('A pipeline stage specification object must contain exactly one field.');
    return entries[0]!;
  });
}

function compileAdd(argument: RawValue): Stage {
  const added = [...(fieldsOf(argument) ?? [])].map(([path, it]) => [path.split('.'), compileExpression(it)] as const);
  return (document) => added.reduce((fields, [path, expression]) => withValue(fields, path, expression(document)), document);
}

/** The document with the value at the path; undefined removes it. */
function withValue(fields: RawDocument, path: readonly string[], value: RawValue | undefined): RawDocument {
  const [first = '', ...rest] = path;
  const result = new Map(fields);
  if (rest.length > 0) result.set(first, documentValue(encodeDocument(withValue(fieldsOf(fields.get(first)) ?? new Map(), rest, value))));
  else if (value) result.set(first, value);
  else result.delete(first);
  return result;
}

function without(fields: RawDocument, path: readonly string[]): RawDocument {
  const [first = '', ...rest] = path;
  const result = new Map(fields);
  const inner = fields.get(first);
  if (rest.length === 0) result.delete(first);
  else if (inner?.type === BsonType.document) result.set(first, documentValue(encodeDocument(without(parseDocument(inner.bytes), rest))));
  return result;
}

function compileProject(argument: RawValue): Stage {
  const entries = [...(fieldsOf(argument) ?? [])];
  const flags = entries.map(([name, it]) => ({ path: name.split('.'), value: it, flag: it.type === BsonType.boolean || numberOf(it) !== undefined ? isTrue(it) : undefined }));
  const others = flags.filter((it) => it.path[0] !== '_id');
  const isExclusion = (others.length > 0 ? others : flags).every((it) => it.flag === false);
  if (isExclusion) {
    const dropped = flags.filter((it) => it.flag === false);
    return (document) => dropped.reduce((rest, it) => without(rest, it.path), document);
  }
  if (flags.some((it) => it.flag === false && it.path[0] !== '_id')) throw badValue('Cannot do exclusion on a field in inclusion projection');
  const keepsId = flags.every((it) => it.path.join('.') !== '_id' || it.flag !== false);
  const kept = flags.filter((it) => it.flag === true && it.path.join('.') !== '_id').map((it) => it.path);
  const computed = flags.filter((it) => it.flag === undefined).map((it) => [it.path, compileExpression(it.value)] as const);
  return (document) => {
    const paths = keepsId ? [['_id'], ...kept] : kept;
    return computed.reduce((fields, [path, expression]) => withValue(fields, path, expression(document)), including(document, paths));
  };
}

/** Fields in the document's own order. */
function including(document: RawDocument, paths: readonly (readonly string[])[]): RawDocument {
  const result: RawDocument = new Map();
  for (const [name, value] of document) {
    const below = paths.filter((it) => it[0] === name);
    if (below.some((it) => it.length === 1)) result.set(name, value);
    else if (below.length > 0 && value.type === BsonType.document) {
      result.set(name, documentValue(encodeDocument(including(parseDocument(value.bytes), below.map((it) => it.slice(1))))));
    }
  }
  return result;
}

export function unknownStage(name: string): Error {
  return notBuilt(`the aggregation stage ${name}`);
}
