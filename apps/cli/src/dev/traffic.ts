import { Client } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import type { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { errorMessage, type Logger } from '@millrace/foundation';
import { SINK_DATABASE, SOURCE_DATABASE } from './demo-databases.js';

const CHANGES = [
  `insert into orders (customer_id, amount, note) values (1 + floor(random() * 20)::int, round((random() * 500)::numeric, 2), 'made by the demo')`,
  `update orders set status = (array['new','paid','packed','sent'])[1 + floor(random() * 4)::int], updated_at = now() where id = (select id from orders order by random() limit 1)`,
  `delete from orders where id = (select min(id) from orders where note = 'made by the demo' having count(*) > 500)`,
];
const ROUND_MS = 500;
const PROBE_LIMIT_MS = 30_000;

export interface TrafficFigures {
  readonly sourceRows: number;
  readonly sinkRows: number;
  readonly changes: number;
  /** From the end of an UPDATE's commit in the source to its sight in the sink; the last one measured. */
  readonly latencyMs: number | undefined;
}

/** A few changes a second in the source, and a look at how long one takes to reach the sink. */
export class Traffic {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private figuresNow: TrafficFigures = { sourceRows: 0, sinkRows: 0, changes: 0, latencyMs: undefined };

  constructor(
    private readonly server: EmbeddedPostgres,
    private readonly logger: Logger,
  ) {}

  get figures(): TrafficFigures {
    return this.figuresNow;
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const source = new Client(this.server.connection(SOURCE_DATABASE));
    const sink = new Client(this.server.connection(SINK_DATABASE));
    for (const client of [source, sink]) client.on('error', (error) => this.logger.warn({ error: errorMessage(error) }, 'a demo database connection ended'));
    try {
      await Promise.all([source.connect(), sink.connect()]);
      while (!this.stopping.signal.aborted) await this.round(source, sink);
    } catch (error) {
      if (!this.stopping.signal.aborted) this.logger.error({ error }, 'the traffic generator ended');
    } finally {
      await Promise.allSettled([source.end(), sink.end()]);
    }
  }

  private async round(source: Client, sink: Client): Promise<void> {
    for (const change of CHANGES) await source.query(change);
    const latencyMs = await this.probe(source, sink);
    this.figuresNow = {
      sourceRows: await count(source),
      sinkRows: await count(sink),
      changes: this.figuresNow.changes + CHANGES.length + 1,
      latencyMs: latencyMs ?? this.figuresNow.latencyMs,
    };
    await delay(ROUND_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }

  private async probe(source: Client, sink: Client): Promise<number | undefined> {
    const marker = `probe ${performance.now()}`;
    const { rows } = await source.query<{ id: string }>(`update orders set note = $1 where id = (select max(id) from orders) returning id`, [marker]);
    const committed = performance.now();
    while (!this.stopping.signal.aborted && performance.now() - committed < PROBE_LIMIT_MS) {
      const seen = await sink.query(`select 1 from orders where id = $1 and note = $2`, [rows[0]?.id, marker]).catch(() => ({ rowCount: 0 }));
      if (seen.rowCount === 1) return performance.now() - committed;
      await delay(2);
    }
    return undefined;
  }
}

/** 0 while the table is not there yet: the sink makes it at its first record. */
async function count(client: Client): Promise<number> {
  const { rows } = await client.query<{ n: string }>(`select case when to_regclass('public.orders') is null then 0 else (xpath('/row/n/text()', query_to_xml('select count(*) n from orders', false, true, '')))[1]::text::bigint end n`);
  return Number(rows[0]?.n ?? 0);
}
