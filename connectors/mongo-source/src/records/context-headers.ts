import { randomUUID } from 'node:crypto';
import { Schema, type Headers } from '@millrace/connect-api';

/** What `extended.headers.enabled` adds to each record. */
export function contextHeaders(prefix: string, taskId: number): Headers {
  const schema = Schema.of('string');
  const entries: [string, string][] = [
    ['connectorLogicalName', prefix],
    ['taskId', String(taskId)],
    ['connectorName', 'mongodb'],
    ['runId', randomUUID()],
  ];
  return entries.map(([name, value]) => ({ key: `__debezium.context.${name}`, schema, value }));
}
