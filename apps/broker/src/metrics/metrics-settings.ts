import { OperationalError } from '@millrace/foundation';

export interface MetricsSettings {
  /** Undefined: there is no page of metrics. */
  readonly port: number | undefined;
  readonly host: string;
}

type Properties = Readonly<Record<string, string>>;

/** Takes `metrics.port` (none by default) and `metrics.host` (all addresses) out of a broker's properties: the rest is Kafka's. */
export function metricsSettings(properties: Properties): { readonly metrics: MetricsSettings; readonly rest: Properties } {
  const { 'metrics.port': port, 'metrics.host': host, ...rest } = properties;
  if (port !== undefined && !(/^\d{1,5}$/.test(port.trim()) && Number(port) <= 65_535)) throw new OperationalError('INVALID_CONFIG', `Invalid value ${port} for configuration metrics.port: a port of 0 to 65535 is expected`);
  return { metrics: { port: port === undefined ? undefined : Number(port), host: host ?? '0.0.0.0' }, rest };
}
