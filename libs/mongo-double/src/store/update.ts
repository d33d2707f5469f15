import { compareValues } from '../bson/order.js';
import { BsonType, documentValue, encodeDocument, fieldsOf, itemsOf, numberOf, parseDocument, textOf, toRaw, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { valueAt } from '../query/field-path.js';
import { compileMatch } from '../query/matcher.js';
import { compileStage, stagesOf, unknownStage } from '../query/pipeline.js';
import { badValue, notBuilt, ServerError } from '../server-error.js';

export interface Update {
  readonly isReplacement: boolean;
  /** `isInsert`: the document is being made by an upsert. */
  apply(document: RawDocument, isInsert: boolean): RawDocument;
}

/** Compiles an update: operators, a pipeline, or a whole new document. */
export function compileUpdate(update: RawValue): Update {
  if (update.type === BsonType.array) return { isReplacement: false, apply: pipelineUpdate(update) };
  const fields = fieldsOf(update);
  if (!fields) throw badValue('an update must be a document or an array');
  const names = [...fields.keys()];
  if (!names.some((it) => it.startsWith('$'))) return { isReplacement: true, apply: (document) => replaced(document, fields) };
  const steps = [...fields].flatMap(([operator, it]) => [...(fieldsOf(it) ?? [])].map(([path, argument]) => ({ operator, path: path.split('.'), argument })));
  const unknown = names.find((it) => !(it in OPERATORS));
  if (unknown !== undefined) throw notBuilt(`the update operator ${unknown}`);
  return {
    isReplacement: false,
    apply: (document, isInsert) => steps.reduce((result, { operator, path, argument }) => (operator === '$setOnInsert' && !isInsert ? result : OPERATORS[operator]!(result, path, argument)), document),
  };
}

function replaced(document: RawDocument, fields: RawDocument): RawDocument {
  const id = document.get('_id');
  return id ? new Map([['_id', id], ...[...fields].filter(([name]) => name !== '_id')]) : fields;
}

function pipelineUpdate(update: RawValue): Update['apply'] {
  const stages = stagesOf(update).map(([name, argument]) => {
    const stage = compileStage(name, argument);
    if (!stage || name === '$match') throw unknownStage(`${name} in an update`);
    return stage;
  });
  return (document) => {
    const id = document.get('_id');
    const result = stages.reduce<RawDocument>((fields, stage) => stage(fields)!, document);
    return id && !result.has('_id') ? new Map([['_id', id], ...result]) : result;
  };
}

type Operator = (document: RawDocument, path: readonly string[], argument: RawValue) => RawDocument;

const OPERATORS: Readonly<Record<string, Operator>> = {
  $set: (document, path, argument) => setAt(document, path, () => argument),
  $setOnInsert: (document, path, argument) => setAt(document, path, () => argument),
  $unset: (document, path) => unsetAt(document, path),
  $inc: (document, path, argument) => setAt(document, path, (old) => arithmetic(old, argument, (a, b) => a + b)),
  $mul: (document, path, argument) => setAt(document, path, (old) => arithmetic(old ?? toRaw(0), argument, (a, b) => a * b)),
  $min: (document, path, argument) => setAt(document, path, (old) => (old && compareValues(old, argument) <= 0 ? old : argument)),
  $max: (document, path, argument) => setAt(document, path, (old) => (old && compareValues(old, argument) >= 0 ? old : argument)),
  $currentDate: (document, path) => setAt(document, path, () => toRaw(new Date())),
  $rename: (document, path, argument) => {
    const value = valueAt(document, path.join('.'));
    return value ? setAt(unsetAt(document, path), textOf(argument)!.split('.'), () => value) : document;
  },
  $push: (document, path, argument) => setAt(document, path, (old) => pushed(old, argument)),
  $addToSet: (document, path, argument) =>
    setAt(document, path, (old) => {
      const added = fieldsOf(argument)?.get('$each');
      return (added ? itemsOf(added) : [argument]).reduce<RawValue>((list, it) => (itemsOf(list).some((one) => compareValues(one, it) === 0) ? list : toRaw([...itemsOf(list), it])), old ?? toRaw([]));
    }),
  $pop: (document, path, argument) => setAt(document, path, (old) => toRaw((numberOf(argument) ?? 1) < 0 ? itemsOf(old).slice(1) : itemsOf(old).slice(0, -1))),
  $pull: (document, path, argument) => (valueAt(document, path.join('.')) ? setAt(document, path, (old) => toRaw(itemsOf(old).filter(keptBy(argument)))) : document),
};

function keptBy(condition: RawValue): (item: RawValue) => boolean {
  const fields = fieldsOf(condition);
  if (!fields) return (item) => compareValues(item, condition) !== 0;
  if ([...fields.keys()].some((it) => it.startsWith('$'))) {
    const matches = compileMatch(new Map([['v', condition]]));
    return (item) => !matches(new Map([['v', item]]));
  }
  const matches = compileMatch(fields);
  return (item) => item.type !== BsonType.document || !matches(parseDocument(item.bytes));
}

function pushed(old: RawValue | undefined, argument: RawValue): RawValue {
  if (old && old.type !== BsonType.array) throw badValue('The field must be an array');
  const modifiers = fieldsOf(argument);
  const each = modifiers?.get('$each');
  if (!each) return toRaw([...itemsOf(old), argument]);
  const unknown = [...modifiers!.keys()].find((it) => !['$each', '$slice', '$position'].includes(it));
  if (unknown !== undefined) throw notBuilt(`${unknown} of $push`);
  const list = itemsOf(old);
  list.splice(numberOf(modifiers!.get('$position')) ?? list.length, 0, ...itemsOf(each));
  const slice = numberOf(modifiers!.get('$slice'));
  return toRaw(slice === undefined ? list : slice < 0 ? list.slice(slice) : list.slice(0, slice));
}

function arithmetic(old: RawValue | undefined, argument: RawValue, combine: (a: number, b: number) => number): RawValue {
  if (!old) return argument;
  const a = numberOf(old);
  const b = numberOf(argument);
  if (a === undefined || b === undefined) throw new ServerError(14, 'TypeMismatch', 'Cannot apply $inc to a value of non-numeric type');
  if (old.type === BsonType.decimal128 || argument.type === BsonType.decimal128) throw notBuilt('arithmetic of decimals');
  const sum = combine(a, b);
  if (old.type === BsonType.double || argument.type === BsonType.double) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(sum);
    return { type: BsonType.double, bytes };
  }
  const isLong = old.type === BsonType.int64 || argument.type === BsonType.int64;
  return isLong || Math.abs(sum) > 0x7fffffff ? toRaw(BigInt(sum)) : toRaw(sum);
}

function setAt(document: RawDocument, path: readonly string[], change: (old: RawValue | undefined) => RawValue): RawDocument {
  const [first = '', ...rest] = path;
  const result = new Map(document);
  const old = document.get(first);
  if (rest.length === 0) result.set(first, change(old));
  else if (old?.type === BsonType.array) result.set(first, setInArray(old, rest, change));
  else if (old && old.type !== BsonType.document) throw new ServerError(28, 'PathNotViable', `Cannot create field '${rest[0]}' in element {${first}: …}`);
  else result.set(first, documentValue(encodeDocument(setAt(fieldsOf(old) ?? new Map(), rest, change))));
  return result;
}

function setInArray(array: RawValue, path: readonly string[], change: (old: RawValue | undefined) => RawValue): RawValue {
  const items = itemsOf(array);
  const index = Number(path[0]);
  if (!/^\d+$/.test(path[0]!)) throw new ServerError(28, 'PathNotViable', `Cannot create field '${path[0]}' in an array`);
  while (items.length <= index) items.push(toRaw(null));
  items[index] = setAt(new Map([['v', items[index]!]]), ['v', ...path.slice(1)], change).get('v')!;
  return toRaw(items);
}

function unsetAt(document: RawDocument, path: readonly string[]): RawDocument {
  const [first = '', ...rest] = path;
  const old = document.get(first);
  if (!old) return document;
  const result = new Map(document);
  if (rest.length === 0) result.delete(first);
  else if (old.type === BsonType.document) result.set(first, documentValue(encodeDocument(unsetAt(parseDocument(old.bytes), rest))));
  else if (old.type === BsonType.array && rest.length === 1 && /^\d+$/.test(rest[0]!)) {
    const items = itemsOf(old);
    if (Number(rest[0]) < items.length) items[Number(rest[0])] = toRaw(null);
    result.set(first, toRaw(items));
  }
  return result;
}
