import { z } from 'zod';

/** Milliseconds since 1970, or ISO 8601 with a zone; read as milliseconds. */
const time = z.union([z.number().int().nonnegative(), z.iso.datetime({ offset: true }).transform((it) => Date.parse(it))], { error: 'expected milliseconds since 1970 or an ISO 8601 time with a zone' });
const texts = z.union([z.string().min(1).transform((it) => [it]), z.array(z.string().min(1)).min(1)]);
const offset = z.number().int().nonnegative();
const name = z.string().trim().min(1);

const ONE_OF = ['at', 'delay_ms', 'cron', 'every_ms'] as const;

/** When a job runs: once (`at`, `delay_ms`), or again and again (`cron` with an optional second's field and zone, `every_ms`). */
const schedule = z
  .strictObject({ at: time.optional(), delay_ms: z.number().int().nonnegative().optional(), cron: name.optional(), timezone: name.optional(), every_ms: z.number().int().min(1000).optional() })
  .refine((it) => ONE_OF.filter((key) => it[key] !== undefined).length === 1, `expected exactly one of ${ONE_OF.join(', ')}`)
  .refine((it) => it.timezone === undefined || it.cron !== undefined, { path: ['timezone'], message: 'a time zone goes with cron only' });
export type JobSchedule = z.output<typeof schedule>;

const COMMON = {
  schedule: schedule.optional(),
  /** Tries in all; the wait before each next one doubles. */
  attempts: z.number().int().min(1).max(100).default(5),
  backoff_ms: z.number().int().min(0).max(3_600_000).default(1000),
};

const redrive = z
  .strictObject({
    type: z.literal('redrive'),
    connector: name.optional(),
    /** The dead-letter topic; left out: the connector's. */
    topic: name.optional(),
    /** Where the letters go; left out: where each one came from. */
    to_topic: name.optional(),
    stage: texts.optional(),
    /** Whole names or the part behind the last dot. */
    exception_class: texts.optional(),
    partition: z.number().int().nonnegative().optional(),
    from_offset: offset.optional(),
    /** Exclusive, as `to_time`. */
    to_offset: offset.optional(),
    from_time: time.optional(),
    to_time: time.optional(),
    /** Letters sent at most. */
    limit: z.number().int().positive().optional(),
    dry_run: z.boolean().default(false),
    rate_per_second: z.number().positive().optional(),
    /** Also what was redriven before. */
    again: z.boolean().default(false),
    timestamps: z.enum(['kept', 'now']).default('kept'),
    ...COMMON,
  })
  .refine((it) => it.connector !== undefined || it.topic !== undefined, 'expected connector or topic')
  .refine((it) => it.from_offset === undefined || it.from_time === undefined, { path: ['from_time'], message: 'from_offset and from_time exclude each other' })
  .refine((it) => it.to_offset === undefined || it.to_time === undefined, { path: ['to_time'], message: 'to_offset and to_time exclude each other' });
export type RedriveBody = z.output<typeof redrive>;

const restart = z.strictObject({ type: z.literal('restart'), connector: name, include_tasks: z.boolean().default(true), only_failed: z.boolean().default(false), ...COMMON });
export type RestartBody = z.output<typeof restart>;

/** `data` is that of an `execute-snapshot` signal, as the connector defines it. */
const snapshot = z.strictObject({ type: z.literal('snapshot'), connector: name, task: z.number().int().nonnegative().optional(), data: z.record(z.string(), z.unknown()).default({}), ...COMMON });
export type SnapshotBody = z.output<typeof snapshot>;

/** POST /ext/jobs. Unknown members are refused by name. */
export const jobBody = z.discriminatedUnion('type', [redrive, restart, snapshot], { error: ({ code }) => (code === 'invalid_union' ? 'expected one of redrive, restart, snapshot' : undefined) });
export type JobBody = z.output<typeof jobBody>;
