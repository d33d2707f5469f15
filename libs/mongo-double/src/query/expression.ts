import { compareValues } from '../bson/order.js';
import { BsonType, documentValue, encodeDocument, fieldsOf, isTrue, itemsOf, numberOf, textOf, toRaw, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { badValue, notBuilt } from '../server-error.js';
import { valueAt } from './field-path.js';
import { regexOf } from './regex.js';

/** Undefined: the field is missing. */
export type Expression = (root: RawDocument) => RawValue | undefined;

/** Compiles an aggregation expression: field paths, literals, documents, arrays and the operators below. */
export function compileExpression(value: RawValue): Expression {
  const text = value.type === BsonType.string ? textOf(value)! : undefined;
  if (text?.startsWith('$$')) {
    if (text === '$$ROOT' || text === '$$CURRENT') return (root) => documentValue(encodeDocument(root));
    if (text === '$$REMOVE') return () => undefined;
    throw notBuilt(`the variable ${text}`);
  }
  if (text?.startsWith('$')) return (root) => valueAt(root, text.slice(1));
  if (value.type === BsonType.array) {
    const items = itemsOf(value).map(compileExpression);
    return (root) => toRaw(items.map((it) => it(root) ?? null));
  }
  const fields = fieldsOf(value);
  if (!fields) return () => value;
  const [first] = fields.keys();
  if (fields.size === 1 && first!.startsWith('$')) return compileOperator(first!, fields.get(first!)!);
  const compiled = [...fields].map(([name, it]) => [name, compileExpression(it)] as const);
  return (root) => documentValue(encodeDocument(new Map(compiled.flatMap(([name, it]) => entryOf(name, it(root))))));
}

function entryOf(name: string, value: RawValue | undefined): (readonly [string, RawValue])[] {
  return value ? [[name, value]] : [];
}

function isNullish(value: RawValue | undefined): boolean {
  return value === undefined || value.type === BsonType.null || value.type === BsonType.undefined;
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  $eq: (order) => order === 0,
  $ne: (order) => order !== 0,
  $gt: (order) => order > 0,
  $gte: (order) => order >= 0,
  $lt: (order) => order < 0,
  $lte: (order) => order <= 0,
};
/** Sorts before null, as a missing value does. */
const MISSING: RawValue = { type: BsonType.undefined, bytes: Buffer.alloc(0) };

function compileOperator(name: string, argument: RawValue): Expression {
  if (name === '$literal') return () => argument;
  if (name === '$regexMatch') return compileRegexMatch(argument);
  const operands = (argument.type === BsonType.array ? itemsOf(argument) : [argument]).map(compileExpression);
  const all = (root: RawDocument): (RawValue | undefined)[] => operands.map((it) => it(root));
  const comparison = COMPARISONS[name];
  if (comparison) {
    return (root) => {
      const [a, b] = all(root);
      return toRaw(comparison(compareValues(a ?? MISSING, b ?? MISSING)));
    };
  }
  switch (name) {
    case '$concat':
      return (root) => {
        const values = all(root);
        if (values.some(isNullish)) return toRaw(null);
        if (values.some((it) => it!.type !== BsonType.string)) throw badValue('$concat only supports strings');
        return toRaw(values.map((it) => textOf(it)!).join(''));
      };
    case '$concatArrays':
      return (root) => toRaw(all(root).flatMap((it) => itemsOf(it)));
    case '$bsonSize':
      return (root) => {
        const [value] = all(root);
        return isNullish(value) ? toRaw(null) : toRaw(value!.bytes.length);
      };
    case '$and':
      return (root) => toRaw(all(root).every(isTrue));
    case '$or':
      return (root) => toRaw(all(root).some(isTrue));
    case '$not':
      return (root) => toRaw(!isTrue(all(root)[0]));
    case '$ifNull':
      return (root) => all(root).find((it, index, { length }) => index === length - 1 || !isNullish(it));
    case '$in':
      return (root) => {
        const [wanted, list] = all(root);
        return toRaw(itemsOf(list).some((it) => compareValues(it, wanted ?? MISSING) === 0));
      };
    case '$add':
      return (root) => toRaw(all(root).reduce((sum, it) => sum + (numberOf(it) ?? Number.NaN), 0));
    case '$slice':
      return (root) => {
        const [list, count] = all(root);
        const n = numberOf(count) ?? 0;
        return toRaw(n < 0 ? itemsOf(list).slice(n) : itemsOf(list).slice(0, n));
      };
    case '$type':
      return (root) => toRaw(all(root)[0]?.type ?? 'missing');
    default:
      throw notBuilt(`the expression operator ${name}`);
  }
}

function compileRegexMatch(argument: RawValue): Expression {
  const fields = fieldsOf(argument);
  const input = fields?.get('input');
  const pattern = fields?.get('regex');
  if (!input || !pattern) throw badValue('$regexMatch needs input and regex');
  const inputOf = compileExpression(input);
  const regex = regexOf(pattern, textOf(fields!.get('options')) ?? '');
  return (root) => {
    const text = textOf(inputOf(root));
    return toRaw(text !== undefined && regex.test(text));
  };
}
