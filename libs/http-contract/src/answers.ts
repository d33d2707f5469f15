import { z } from 'zod';

const taskStateInfo = z.object({ id: z.number(), state: z.string(), worker_id: z.string(), trace: z.string().optional(), version: z.string().optional() });

/** GET / */
export const serverInfo = z.object({ version: z.string(), commit: z.string(), kafka_cluster_id: z.string() });

/** GET and POST of a connector. */
export const connectorInfo = z.object({
  name: z.string(),
  config: z.record(z.string(), z.string()),
  tasks: z.array(z.object({ connector: z.string(), task: z.number() })),
  type: z.enum(['source', 'sink', 'unknown']),
});
export type ConnectorInfoAnswer = z.output<typeof connectorInfo>;

/** GET /connectors/{name}/status */
export const connectorStateInfo = z.object({
  name: z.string(),
  connector: z.object({ state: z.string(), worker_id: z.string(), trace: z.string().optional(), version: z.string().optional() }),
  tasks: z.array(taskStateInfo),
  type: z.enum(['source', 'sink', 'unknown']),
});
export type ConnectorStateAnswer = z.output<typeof connectorStateInfo>;

/** GET /health (KIP-1017) */
export const workerHealth = z.object({ status: z.enum(['starting', 'healthy', 'unhealthy']), message: z.string() });

/** Every refusal. */
export const errorBody = z.object({ error_code: z.number(), message: z.string().nullable() });
export type ErrorBody = z.output<typeof errorBody>;
