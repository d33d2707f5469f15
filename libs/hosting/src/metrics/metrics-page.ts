import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

export interface MetricSample {
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A metric as Prometheus knows it. A sample may lack labels that others have. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: readonly MetricSample[];
}

/**
 * What Prometheus scrapes: metrics of this process (memory, CPU, event loop, garbage collection) and those that an engine tells. The engine is asked at each scrape, so that
 * nothing is counted for metrics on its own paths.
 */
export class MetricsPage {
  private readonly process = new Registry();

  constructor(private readonly families: () => readonly MetricFamily[] | Promise<readonly MetricFamily[]>) {
    collectDefaultMetrics({ register: this.process });
  }

  get contentType(): string {
    return this.process.contentType;
  }

  async text(): Promise<string> {
    const engine = new Registry();
    for (const family of await this.families()) register(family, engine);
    return `${await engine.metrics()}\n${await this.process.metrics()}`;
  }

  /** Ends what is measured of the process. */
  close(): void {
    this.process.clear();
  }
}

/** Values that are not known (NaN, null by way of a missing sample) are left out: an absent series, not a zero. */
function register({ name, help, type, samples }: MetricFamily, registry: Registry): void {
  const known = samples.filter((it) => Number.isFinite(it.value));
  if (known.length === 0) return;
  const options = { name, help, labelNames: [...new Set(known.flatMap((it) => Object.keys(it.labels ?? {})))], registers: [registry] };
  const metric = type === 'counter' ? new Counter(options) : new Gauge(options);
  for (const { labels, value } of known) metric.inc(labels ?? {}, value);
}
