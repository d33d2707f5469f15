export { EmbeddedPostgres, type EmbeddedPostgresOptions, type PostgresConnectionOptions } from './embedded-postgres.js';
