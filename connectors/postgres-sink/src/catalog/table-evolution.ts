import type { DataSource, QueryRunner, TableColumnOptions } from 'typeorm';
import { errorCode } from '../connection/error-code.js';
import { clientOptions } from '../connection/session.js';
import type { ConnectionSettings } from '../config/sink-settings.js';
import { doubleQuotes, quoteIdentifier, type TableName } from '../naming/identifier.js';

/** A column to make. */
export interface NewColumn {
  readonly name: string;
  readonly sqlType: string;
  readonly nullable: boolean;
  readonly primary: boolean;
  /** An SQL expression. */
  readonly defaultSql: string | undefined;
}

/** Another task of this connector, or another one, was faster. */
const ALREADY_THERE = new Set(['42P07', '42701', '23505', '42710']);

/** Creates tables, adds columns and widens them, through TypeORM, on a connection of its own that lives as long as the change takes. */
export class TableEvolution {
  constructor(private readonly settings: ConnectionSettings) {}

  /** Does nothing if the table is there meanwhile. `schema` is where it belongs. */
  async createTable(table: TableName & { readonly schema: string }, columns: readonly NewColumn[]): Promise<void> {
    await this.withRunner(async (runner, { Table }) => {
      const definition = new Table({ schema: doubleQuotes(table.schema), name: doubleQuotes(table.name), columns: columns.map(typeormColumn) });
      await runner.createTable(definition, false, false, false);
    });
  }

  /** Adds those that are not there meanwhile. */
  async addColumns(table: TableName & { readonly schema: string }, columns: readonly NewColumn[]): Promise<void> {
    for (const column of columns) {
      await this.withRunner(async (runner, { Table, TableColumn }) => {
        await runner.addColumn(new Table({ schema: doubleQuotes(table.schema), name: doubleQuotes(table.name) }), new TableColumn(typeormColumn(column)));
      });
    }
  }

  /** `table` as SQL. TypeORM's own way to change a type drops the column. */
  async widenColumn(table: string, { name, sqlType }: Pick<NewColumn, 'name' | 'sqlType'>): Promise<void> {
    await this.withRunner((runner) => runner.query(`ALTER TABLE ${table} ALTER COLUMN ${quoteIdentifier(name)} TYPE ${sqlType}`) as Promise<void>);
  }

  private async withRunner(change: (runner: QueryRunner, typeorm: typeof import('typeorm')) => Promise<void>): Promise<void> {
    const typeorm = await import('typeorm');
    const source = await this.connect(typeorm);
    const runner = source.createQueryRunner();
    try {
      await change(runner, typeorm);
    } catch (error) {
      if (!ALREADY_THERE.has(errorCode(error) ?? '')) throw error;
    } finally {
      await runner.release();
      await source.destroy();
    }
  }

  private async connect(typeorm: typeof import('typeorm')): Promise<DataSource> {
    let failure: unknown;
    for (const { host, port, user, password, database, ssl, application_name } of clientOptions(this.settings)) {
      const source = new typeorm.DataSource({
        type: 'postgres',
        ...(host === undefined ? {} : { host }),
        ...(port === undefined ? {} : { port }),
        ...(user === undefined ? {} : { username: user }),
        ...(typeof password === 'string' ? { password } : {}),
        ...(database === undefined ? {} : { database }),
        extra: { ssl: ssl ?? false },
        ...(application_name === undefined ? {} : { applicationName: application_name }),
        installExtensions: false,
        poolSize: 1,
        logging: false,
      });
      try {
        return await source.initialize();
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

function typeormColumn({ name, sqlType, nullable, primary, defaultSql }: NewColumn): TableColumnOptions {
  return { name: doubleQuotes(name), type: sqlType, isNullable: nullable, isPrimary: primary, ...(defaultSql === undefined ? {} : { default: defaultSql }) };
}

