import { areComparable, compareValues } from '../bson/order.js';
import { BsonType, fieldsOf, isTrue, itemsOf, numberOf, textOf, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { badValue, notBuilt } from '../server-error.js';
import { compileExpression } from './expression.js';
import { valuesAt } from './field-path.js';
import { regexOf } from './regex.js';

export type Predicate = (document: RawDocument) => boolean;
type ValueTest = (value: RawValue | undefined) => boolean;

/** Compiles a query document. Operators that are not known are refused. */
export function compileMatch(query: RawDocument): Predicate {
  const tests = [...query].map(([name, value]) => compileClause(name, value));
  return (document) => tests.every((test) => test(document));
}

function compileClause(name: string, value: RawValue): Predicate {
  switch (name) {
    case '$and': {
      const all = clauses(name, value);
      return (document) => all.every((it) => it(document));
    }
    case '$or': {
      const any = clauses(name, value);
      return (document) => any.some((it) => it(document));
    }
    case '$nor': {
      const none = clauses(name, value);
      return (document) => !none.some((it) => it(document));
    }
    case '$expr': {
      const expression = compileExpression(value);
      return (document) => isTrue(expression(document));
    }
    case '$comment':
      return () => true;
    default:
      if (name.startsWith('$')) throw notBuilt(`the query operator ${name}`);
      return compilePath(name, value);
  }
}

function clauses(name: string, value: RawValue): Predicate[] {
  const documents = itemsOf(value).map(fieldsOf);
  if (documents.length === 0 || documents.some((it) => it === undefined)) throw badValue(`${name} must be a nonempty array`);
  return documents.map((it) => compileMatch(it!));
}

function compilePath(path: string, value: RawValue): Predicate {
  const operators = operatorsOf(value);
  if (!operators) {
    const test = value.type === BsonType.regex ? regexTest(value) : equalTest(value);
    return (document) => onAny(valuesAt(document, path), test);
  }
  const tests = [...operators].filter(([name]) => name !== '$options').map(([name, it]) => operatorTest(path, name, it, operators));
  return (document) => tests.every((test) => test(document));
}

function operatorsOf(value: RawValue): RawDocument | undefined {
  const fields = fieldsOf(value);
  return fields && fields.size > 0 && [...fields.keys()][0]!.startsWith('$') ? fields : undefined;
}

function operatorTest(path: string, name: string, value: RawValue, siblings: RawDocument): Predicate {
  const any = (test: ValueTest): Predicate => (document) => onAny(valuesAt(document, path), test);
  const none = (test: ValueTest): Predicate => (document) => !onAny(valuesAt(document, path), test);
  const ordered = (holds: (order: number) => boolean): Predicate => any((it) => it !== undefined && areComparable(it, value) && holds(compareValues(it, value)));
  switch (name) {
    case '$eq':
      return any(equalTest(value));
    case '$ne':
      return none(equalTest(value));
    case '$gt':
      return ordered((order) => order > 0);
    case '$gte':
      return ordered((order) => order >= 0);
    case '$lt':
      return ordered((order) => order < 0);
    case '$lte':
      return ordered((order) => order <= 0);
    case '$in':
    case '$nin': {
      const tests = itemsOf(value).map((it) => (it.type === BsonType.regex ? regexTest(it) : equalTest(it)));
      const test: ValueTest = (it) => tests.some((one) => one(it));
      return name === '$in' ? any(test) : none(test);
    }
    case '$exists': {
      const wanted = isTrue(value);
      return (document) => valuesAt(document, path).some((it) => it !== undefined) === wanted;
    }
    case '$regex':
      return any(regexTest(value, textOf(siblings.get('$options')) ?? ''));
    case '$type': {
      const types = value.type === BsonType.array ? itemsOf(value) : [value];
      const numbers = new Set(types.map(typeNumber));
      return any((it) => it !== undefined && numbers.has(it.type));
    }
    case '$not': {
      const test = compilePath(path, value);
      return (document) => !test(document);
    }
    case '$size':
      return (document) => valuesAt(document, path).some((it) => it?.type === BsonType.array && itemsOf(it).length === numberOf(value));
    default:
      throw notBuilt(`the query operator ${name}`);
  }
}

const TYPE_NAMES: Readonly<Record<string, number>> = { double: 1, string: 2, object: 3, array: 4, binData: 5, undefined: 6, objectId: 7, bool: 8, date: 9, null: 10, regex: 11, int: 16, timestamp: 17, long: 18, decimal: 19 };

function typeNumber(value: RawValue): number {
  const type = numberOf(value) ?? TYPE_NAMES[textOf(value) ?? ''];
  if (type === undefined) throw badValue(`Unknown type name alias: ${textOf(value)}`);
  return type;
}

/** A value itself, or one of its items when it is an array. */
function onAny(values: readonly (RawValue | undefined)[], test: ValueTest): boolean {
  return values.some((it) => test(it) || (it?.type === BsonType.array && itemsOf(it).some(test)));
}

function equalTest(wanted: RawValue): ValueTest {
  if (wanted.type === BsonType.null) return (it) => it === undefined || it.type === BsonType.null || it.type === BsonType.undefined;
  return (it) => it !== undefined && compareValues(it, wanted) === 0;
}

function regexTest(pattern: RawValue, options = ''): ValueTest {
  const regex = regexOf(pattern, options);
  return (it) => {
    const text = textOf(it);
    return text !== undefined && regex.test(text);
  };
}
