import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { SINK_DATABASE, SOURCE_DATABASE } from './demo-databases.js';

const SOURCE_NAME = 'shop-source';
const SINK_NAME = 'shop-sink';
export const ORDERS_TOPIC = 'shop.public.orders';

const JSON_CONVERTERS = {
  'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
  'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
};

/** The two connectors of the demo, as anybody would post them to Kafka Connect. */
export function demoConnectors(server: EmbeddedPostgres): readonly { readonly name: string; readonly config: Readonly<Record<string, string>> }[] {
  return [
    {
      name: SOURCE_NAME,
      config: {
        'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
        'plugin.name': 'pgoutput',
        'database.hostname': server.host,
        'database.port': String(server.port),
        'database.user': server.user,
        'database.password': 'postgres',
        'database.dbname': SOURCE_DATABASE,
        'topic.prefix': 'shop',
        'table.include.list': 'public.customers,public.orders',
        'publication.autocreate.mode': 'filtered',
        'slot.name': 'millrace_demo',
        'publication.name': 'millrace_demo',
        ...JSON_CONVERTERS,
      },
    },
    {
      name: SINK_NAME,
      config: {
        'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
        topics: `shop.public.customers,${ORDERS_TOPIC}`,
        'connection.url': `jdbc:postgresql://${server.host}:${server.port}/${SINK_DATABASE}`,
        'connection.username': server.user,
        'connection.password': 'postgres',
        'insert.mode': 'upsert',
        'delete.enabled': 'true',
        'primary.key.mode': 'record_key',
        'schema.evolution': 'basic',
        'collection.name.format': '${source.table}',
        ...JSON_CONVERTERS,
      },
    },
  ];
}
