import { z } from 'zod';

/**
 * A config in a request: text to text. Numbers and booleans are taken as their text, as Jackson does for Kafka Connect; objects and
 * arrays are refused. null removes a key in a PATCH.
 */
export const configBody = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]).transform((it) => (it === null ? null : String(it))));

/** POST /connectors. An unknown member is refused, as Connect refuses it; a connector without a name has the empty one. */
export const createConnectorBody = z.strictObject({
  name: z.union([z.string(), z.number(), z.boolean()]).nullish().transform((it) => (it === null || it === undefined ? '' : String(it))),
  config: configBody,
  initial_state: z
    .string()
    .refine((it) => ['RUNNING', 'PAUSED', 'STOPPED'].includes(it.toUpperCase()), 'expected RUNNING, PAUSED or STOPPED')
    .nullish(),
});
export type CreateConnectorBody = z.output<typeof createConnectorBody>;

/** POST /ext/connectors/{name}/signals. */
export const signalBody = z.strictObject({ id: z.string().min(1).optional(), type: z.string().min(1), data: z.unknown() });
