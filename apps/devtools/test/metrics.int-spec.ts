import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { startBrokerApp, type BrokerApp } from '@millrace/broker';
import { startConnectApp, type ConnectApp } from '@millrace/connect';
import { createLogging } from '@millrace/hosting';
import { freePort, peerClassPath, peersMissing, putConnector, repositoryRoot, runProgram, temporaryFolder, waitFor } from '@millrace/testkit';

const folder = temporaryFolder('metrics');
const root = repositoryRoot();
const logging = createLogging({ destination: new Writable({ write: (_chunk, _encoding, done) => done() }) });
const JSON_CONVERTERS = { 'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter': 'org.apache.kafka.connect.json.JsonConverter' };
const LINES = 500;
const STEPS = {
  transforms: 'stamp',
  'transforms.stamp.type': 'org.apache.kafka.connect.transforms.InsertField$Value',
  'transforms.stamp.topic.field': 'topic',
  'transforms.stamp.predicate': 'alive',
  'transforms.stamp.negate': 'false',
  predicates: 'alive',
  'predicates.alive.type': 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone',
};
let broker: BrokerApp;
let connect: ConnectApp;
let worker: string;
let kafka: string;

async function scrape(url: string, accept = 'text/plain;version=0.0.4'): Promise<string> {
  const response = await fetch(url, { headers: { accept } });
  expect({ status: response.status, type: response.headers.get('content-type') }).toEqual({ status: 200, type: expect.stringMatching(/^text\/plain; version=0\.0\.4/) });
  return await response.text();
}

/** Values by series, as they are written. */
function series(text: string): Map<string, number> {
  return new Map(text.split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [[line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))] as const])));
}

const names = (text: string): Set<string> => new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map((it) => it[1]!));

beforeAll(async () => {
  const port = await freePort();
  broker = await startBrokerApp({
    config: { 'node.id': '1', listeners: `PLAINTEXT://127.0.0.1:${port}`, 'log.dirs': path.join(folder.path, 'data'), 'offsets.topic.num.partitions': '2', 'offsets.topic.replication.factor': '1', 'group.initial.rebalance.delay.ms': '0', 'metrics.port': '0', 'metrics.host': '127.0.0.1' },
    logging,
    onFailure: (error) => console.error(error),
  });
  const url = `http://127.0.0.1:${await freePort()}`;
  const internal = Object.fromEntries(['config', 'offset', 'status'].flatMap((it) => [[`${it}.storage.topic`, `m-${it}`], [`${it}.storage.replication.factor`, '1']]));
  const plugins = ['apps/connect/test/plugins', 'libs/connect-runtime/test/plugins'].map((it) => path.join(root, it)).join(',');
  connect = await startConnectApp({ config: { 'bootstrap.servers': `127.0.0.1:${port}`, 'group.id': 'metrics', ...internal, ...JSON_CONVERTERS, 'offset.flush.interval.ms': '100', 'plugin.path': plugins, listeners: url }, logging, pluginRoots: [], version: 'test', onFailure: (error) => console.error(error) });
  worker = `${connect.url}/metrics`;
  kafka = `http://127.0.0.1:${broker.metricsPort}/metrics`;
  await waitFor('the worker is ready', 30_000, async () => (await fetch(`${connect.url}/health`)).status === 200);
  await putConnector(() => connect.url, 'numbers', { 'connector.class': 'CountingSource', topic: 'numbers', limit: String(LINES) });
  await putConnector(() => connect.url, 'collected', { 'connector.class': 'Collector', topics: 'numbers', file: path.join(folder.path, 'out.txt'), ...STEPS });
  await waitFor('all was committed, and both tasks have told of it', 30_000, async () => {
    const at = series(await scrape(worker));
    return at.get('kafka_connect_source_task_metrics_source_record_poll_total{connector="numbers",task="0"}') === LINES && at.get('kafka_connect_source_task_metrics_source_record_active_count{connector="numbers",task="0"}') === 0 && at.get('kafka_connect_sink_task_metrics_sink_record_send_total{connector="collected",task="0"}') === LINES && at.get('kafka_connect_sink_task_metrics_sink_record_lag_committed{connector="collected",task="0"}') === 0;
  });
}, 120_000);

afterAll(async () => {
  await connect.close();
  await broker.close();
  folder.remove();
}, 60_000);

describe('GET /metrics', () => {
  it('tells of the worker’s tasks under the names that dashboards know', async () => {
    const at = series(await scrape(worker));
    const of = (group: string, name: string, connector: string): number | undefined => at.get(`kafka_connect_${group}_${name}{connector="${connector}",task="0"}`);
    expect(of('source_task_metrics', 'source_record_poll_total', 'numbers')).toBe(LINES);
    expect(of('source_task_metrics', 'source_record_write_total', 'numbers')).toBe(LINES);
    expect(of('source_task_metrics', 'source_record_active_count', 'numbers')).toBe(0);
    expect(of('source_task_metrics', 'source_lag_ms', 'numbers')).toBe(1500);
    expect(of('sink_task_metrics', 'partition_count', 'collected')).toBe(1);
    expect(of('sink_task_metrics', 'offset_commit_completion_total', 'collected')).toBeGreaterThan(0);
    expect(of('connector_task_metrics', 'batch_size_max', 'numbers')).toBeGreaterThan(0);
    expect(of('connector_task_metrics', 'running_ratio', 'numbers')).toBeGreaterThan(0);
    expect(of('connector_task_metrics', 'offset_commit_success_percentage', 'numbers')).toBe(1);
    expect(of('task_error_metrics', 'total_record_errors', 'numbers')).toBe(0);
    expect(at.get('kafka_connect_connector_task_metrics_status{connector="numbers",task="0",status="running"}')).toBe(1);
    expect(at.get('kafka_connect_connect_worker_metrics_task_startup_success_total')).toBe(2);
    expect(at.get('kafka_connect_connect_worker_metrics_connector_running_task_count{connector="numbers"}')).toBe(1);
    expect(at.get('kafka_connect_connect_worker_rebalance_metrics_completed_rebalances_total')).toBeGreaterThan(0);
    expect(at.get('kafka_connect_connect_worker_rebalance_metrics_rebalancing')).toBe(0);
  });

  it('tells of rates, and of what the tasks are made of', async () => {
    const text = await scrape(worker);
    const at = series(text);
    expect(at.get('kafka_connect_source_task_metrics_source_record_poll_rate{connector="numbers",task="0"}')).toBeGreaterThan(0);
    expect(at.get('kafka_connect_sink_task_metrics_sink_record_send_rate{connector="collected",task="0"}')).toBeGreaterThan(0);
    expect(text).toMatch(/^kafka_connect_connector_task_metrics_info\{connector="numbers",.*key_converter_class="org.apache.kafka.connect.json.JsonConverter"/m);
    expect(text).toMatch(/^kafka_connect_connector_transform_metrics_info\{connector="collected",task="0",transform="stamp",transform_class="org.apache.kafka.connect.transforms.InsertField\$Value"/m);
    expect(text).toMatch(/^kafka_connect_connector_predicate_metrics_info\{connector="collected",task="0",predicate="alive",predicate_class="org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"/m);
  });

  const missing = peersMissing();
  (missing === undefined ? it : it.skip)(`has every metric that Java’s Connect has${missing === undefined ? '' : ` (skipped: ${missing})`}`, async () => {
    const text = await scrape(worker);
    const { stdout } = await runProgram('java', ['-cp', peerClassPath(), path.join(__dirname, 'java/MetricNames.java')]);
    const known = new Set([...names(text), ...[...text.matchAll(/^(kafka_connect_\w+)_info\{(.*)\}/gm)].flatMap(([, group, labelled]) => [...labelled!.matchAll(/(\w+)="/g)].map((it) => `${group}_${it[1]}`))]);
    const java = [...new Set(stdout.trim().split('\n'))].map((it) => `kafka_connect_${it.replace(/[ -]/g, '_')}`);
    expect(java.length).toBeGreaterThan(80);
    // Sources with exactly-once have transactions, which this broker does not have yet.
    expect(java.filter((it) => !known.has(it) && !/transaction_size/.test(it))).toEqual([]);
  }, 60_000);

  it('tells of the broker’s topics, requests and logs', async () => {
    const at = series(await scrape(kafka));
    expect(at.get('kafka_server_brokertopicmetrics_messagesin_total{topic="numbers"}')).toBe(LINES);
    expect(at.get('kafka_server_brokertopicmetrics_messagesin_total')).toBeGreaterThan(LINES);
    expect(at.get('kafka_log_log_logendoffset{topic="numbers",partition="0"}')).toBe(LINES);
    expect(at.get('kafka_log_log_size{topic="numbers",partition="0"}')).toBe(at.get('kafka_server_brokertopicmetrics_bytesin_total{topic="numbers"}'));
    expect(at.get('kafka_server_brokertopicmetrics_bytesout_total{topic="numbers"}')).toBeGreaterThan(0);
    expect(at.get('kafka_network_requestmetrics_requests_total{request="Produce"}')).toBeGreaterThan(0);
    expect(at.get('kafka_server_kafkaserver_brokerstate')).toBe(3);
    expect((await fetch(kafka.replace('/metrics', '/other'))).status).toBe(404);
  });

  it('has names in the dashboard that are really scraped', async () => {
    const known = new Set([...names(await scrape(worker)), ...names(await scrape(kafka)), 'up']);
    const dashboard = JSON.parse(fs.readFileSync(path.join(root, 'config/docker/grafana/dashboards/millrace.json'), 'utf8')) as { panels: { targets?: { expr: string }[] }[]; templating: { list: { query: string }[] } };
    const expressions = [...dashboard.panels.flatMap((it) => it.targets?.map(({ expr }) => expr) ?? []), ...dashboard.templating.list.map((it) => it.query)];
    const used = new Set(expressions.flatMap((it) => [...it.matchAll(/\b((?:kafka|process|nodejs)_\w+|up)\b/g)].map((found) => found[1]!)));
    expect(used.size).toBeGreaterThan(30);
    expect([...used].filter((it) => !known.has(it))).toEqual([]);
  });

  const promtool = spawnSync('promtool', ['--version']).status === 0;
  (promtool ? it : it.skip)(`is what promtool calls well-formed${promtool ? '' : ' (promtool is not installed)'}`, async () => {
    for (const url of [worker, kafka]) {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await scrape(url), encoding: 'utf8' });
      // Lint exits with 3 for matters of taste (Kafka's names have their units where promtool would not); 1 is text that cannot be parsed.
      expect({ isParsed: status === 0 || status === 3, problems: `${stdout}${stderr}`.split('\n').filter((it) => /duplicate|parse|help|text format|invalid/i.test(it)) }).toEqual({ isParsed: true, problems: [] });
    }
  });
});
