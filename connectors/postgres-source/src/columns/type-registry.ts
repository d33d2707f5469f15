import type { SqlSession } from '../connection/sql-session.js';

/** A type of the database, as pg_type describes it. */
export interface PgType {
  readonly oid: number;
  readonly name: string;
  readonly schema: string;
  /** b base, c composite, d domain, e enum, m multirange, p pseudo, r range. */
  readonly kind: string;
  /** Of an array; 0 otherwise. */
  readonly elementOid: number;
  /** Of a domain; 0 otherwise. */
  readonly baseOid: number;
  /** The type modifier that a domain gives its base type, or -1. */
  readonly baseModifier: number;
  /** Of an enum, in their order. */
  readonly labels: readonly string[];
}

const LOOKUP = `
select t.oid, t.typname as name, n.nspname as schema, t.typtype as kind, case when t.typcategory = 'A' and t.typlen = -1 then t.typelem else 0 end as element,
       t.typbasetype as base, t.typtypmod as modifier, (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid) as labels
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.oid = any($1::oid[])`;

interface TypeRow {
  oid: number;
  name: string;
  schema: string;
  kind: string;
  element: number;
  base: number;
  modifier: number;
  labels: string[] | null;
}

/** The types that tables use, read from the database when they are first met. */
export class TypeRegistry {
  private readonly types = new Map<number, PgType>();

  get(oid: number): PgType | undefined {
    return this.types.get(oid);
  }

  /** Forgets the types, so that the next `load` reads them again (an enum got a label). */
  clear(): void {
    this.types.clear();
  }

  /** Reads the types that are not known yet, and those that they are made of. */
  async load(session: SqlSession, oids: Iterable<number>): Promise<void> {
    let missing = [...new Set(oids)].filter((it) => it !== 0 && !this.types.has(it));
    while (missing.length > 0) {
      const rows = await session.query<TypeRow>(LOOKUP, [missing]);
      for (const row of rows) {
        const { oid, name, schema, kind, element, base, modifier, labels } = row;
        this.types.set(oid, { oid, name, schema, kind, elementOid: element, baseOid: base, baseModifier: modifier, labels: labels ?? [] });
      }
      missing = [...new Set(rows.flatMap((it) => [it.element, it.base]))].filter((it) => it !== 0 && !this.types.has(it));
    }
  }
}
