import { alternatives, splitList } from './regex-list.js';

type Lists = Readonly<Record<string, string | null | undefined>>;

const SYSTEM_DATABASES = new Set(['admin', 'config', 'local']);

/** Which namespaces are captured: the include and exclude lists, by expressions or by literal names. */
export class CaptureFilter {
  private readonly database: (name: string) => boolean;
  private readonly collection: (name: string) => boolean;
  private readonly snapshotCollections: RegExp | undefined;

  /** `config` has been validated: expressions are well formed, include and exclude lists are not both given. */
  constructor(config: Lists) {
    const isLiteral = config['filters.match.mode']?.trim().toLowerCase() === 'literal';
    this.database = chosen(config['database.include.list'], config['database.exclude.list'], isLiteral);
    this.collection = chosen(config['collection.include.list'], config['collection.exclude.list'], isLiteral);
    const snapshot = alternatives(config['snapshot.include.collection.list']);
    this.snapshotCollections = snapshot === undefined ? undefined : new RegExp(snapshot, 'i');
  }

  includesDatabase(database: string): boolean {
    return !SYSTEM_DATABASES.has(database) && this.database(database);
  }

  includes(database: string, collection: string): boolean {
    return this.includesDatabase(database) && this.collection(`${database}.${collection}`);
  }

  snapshots(database: string, collection: string): boolean {
    return this.snapshotCollections?.test(`${database}.${collection}`) ?? true;
  }
}

function chosen(include: string | null | undefined, exclude: string | null | undefined, isLiteral: boolean): (name: string) => boolean {
  const included = matcher(include, isLiteral);
  if (included) return included;
  const excluded = matcher(exclude, isLiteral);
  return excluded ? (name) => !excluded(name) : () => true;
}

function matcher(list: string | null | undefined, isLiteral: boolean): ((name: string) => boolean) | undefined {
  if (isLiteral) {
    const names = new Set(splitList(list).map((it) => it.toLowerCase()));
    return names.size === 0 ? undefined : (name) => names.has(name.toLowerCase());
  }
  const expression = alternatives(list);
  if (expression === undefined) return undefined;
  const pattern = new RegExp(expression, 'i');
  return (name) => pattern.test(name);
}
