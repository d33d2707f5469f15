import colors from 'picocolors';
import type { TrafficFigures } from './traffic.js';

export interface PanelFacts {
  readonly bootstrap: string;
  readonly connectUrl: string;
  readonly sourceUrl: string;
  readonly sinkUrl: string;
  readonly topic: string;
  readonly dataFolder: string;
  readonly readyInMs: number;
}

/** What stays the same while Millrace runs: addresses, and something to try. */
export function panelText(facts: PanelFacts): string {
  const row = (name: string, value: string, note = ''): string => `  ${colors.bold(name.padEnd(18))}${value}${note === '' ? '' : colors.dim(`   ${note}`)}`;
  return [
    '',
    colors.green(colors.bold(`Millrace is running`)) + colors.dim(` (ready in ${(facts.readyInMs / 1000).toFixed(1)} s)`),
    '',
    row(facts.bootstrap.includes(',') ? 'Brokers' : 'Broker', facts.bootstrap, 'any Kafka client'),
    row('Connect', facts.connectUrl, 'Kafka Connect REST'),
    row('Source database', facts.sourceUrl),
    row('Sink database', facts.sinkUrl),
    row('Data', facts.dataFolder, 'kept; delete the folder to start anew'),
    '',
    `  ${colors.bold('Try')}  psql "${facts.sourceUrl}" -c "UPDATE orders SET status='paid', amount=amount+1 WHERE id=1"`,
    `       kcat -b ${facts.bootstrap} -t ${facts.topic} -C -o -1 -e`,
    `       psql "${facts.sinkUrl}" -c "SELECT * FROM orders WHERE id=1"`,
    `       curl -s ${facts.connectUrl}/connectors?expand=status`,
    '',
    colors.dim('  Ctrl-C stops everything in order and keeps the data.'),
    '',
  ].join('\n');
}

export interface LiveFigures extends TrafficFigures {
  readonly connectors: readonly { readonly name: string; readonly state: string }[];
}

/** What changes, on one line. */
export function liveLine(figures: LiveFigures): string {
  const states = figures.connectors.map((it) => `${it.name} ${it.state === 'RUNNING' ? colors.green(it.state) : colors.yellow(it.state)}`).join(' · ');
  const latency = figures.latencyMs === undefined ? '-' : `${figures.latencyMs.toFixed(0)} ms`;
  return `  ${states} · changes made ${figures.changes} · orders source ${figures.sourceRows} → sink ${figures.sinkRows} · commit to sink ${latency}`;
}
