import type { ConnectorMetrics, SupervisedTaskMetrics, WorkerMetrics } from '@millrace/connect-runtime';
import type { MetricFamily } from '@millrace/hosting';

/** A value of each task that has it; null leaves the task out. */
type Value<T> = (it: T) => number | null;

/**
 * A worker's values under the names that Kafka Connect's have behind Prometheus' JMX exporter: `kafka_connect_<group>_<name>`, labels `connector` and `task`.
 * What Connect does not have is named in the same groups, or in `kafka_connect_millrace_task_metrics`.
 */
export function workerFamilies(metrics: WorkerMetrics): MetricFamily[] {
  const { tasks } = metrics;
  return [...connectorFamilies(metrics.connectors), ...taskFamilies(tasks), ...sourceFamilies(tasks), ...sinkFamilies(tasks), ...errorFamilies(tasks), ...ownFamilies(tasks), ...startFamilies(metrics), ...rebalanceFamilies(metrics)];
}

function connectorFamilies(connectors: readonly ConnectorMetrics[]): MetricFamily[] {
  const group = 'kafka_connect_connector_metrics';
  return [
    { name: `${group}_status`, help: 'State of the connector: 1 for the one that it is in', type: 'gauge', samples: connectors.map(({ connector, state }) => ({ labels: { connector, status: state.toLowerCase() }, value: 1 })) },
    {
      name: `${group}_info`,
      help: 'Class, type and version of the connector',
      type: 'gauge',
      samples: connectors.map(({ connector, connectorClass, type, version }) => ({ labels: { connector, connector_class: connectorClass, connector_type: type, connector_version: version ?? 'unknown' }, value: 1 })),
    },
    { name: `${group}_restarts_total`, help: 'Starts of the failed connector by its worker', type: 'counter', samples: connectors.map(({ connector, restarts }) => ({ labels: { connector }, value: restarts })) },
  ];
}

function taskFamilies(tasks: readonly SupervisedTaskMetrics[]): MetricFamily[] {
  const { gauge, counter } = families('kafka_connect_connector_task_metrics', tasks);
  return [
    { name: 'kafka_connect_connector_task_metrics_status', help: 'State of the task: 1 for the one that it is in', type: 'gauge', samples: tasks.map((it) => ({ labels: { ...labels(it), status: it.state.toLowerCase() }, value: 1 })) },
    {
      name: 'kafka_connect_connector_task_metrics_info',
      help: 'Classes and version of the task',
      type: 'gauge',
      samples: tasks.map((it) => ({ labels: { ...labels(it), ...classes(it) }, value: 1 })),
    },
    stepFamily('transform', tasks, (it) => it.transformations),
    stepFamily('predicate', tasks, (it) => it.predicates),
    gauge('running_ratio', 'Share of its time that the task was running', (it) => it.runningRatio),
    gauge('pause_ratio', 'Share of its time that the task was paused', (it) => it.pauseRatio),
    gauge('batch_size_avg', 'Records of a batch, on average over the last half minute', (it) => it.batchSizeAvg),
    gauge('batch_size_max', 'Records of the largest batch of the last half minute', (it) => it.batchSizeMax),
    gauge('offset_commit_avg_time_ms', 'Time of a commit of offsets, on average over the last half minute', (it) => it.commitMsAvg),
    gauge('offset_commit_max_time_ms', 'Longest commit of offsets of the last half minute', (it) => it.commitMsMax),
    gauge('offset_commit_success_percentage', 'Share of the commits that succeeded, 0 to 1', (it) => share(it.commits, it.commitFailures)),
    gauge('offset_commit_failure_percentage', 'Share of the commits that failed, 0 to 1', (it) => share(it.commitFailures, it.commits)),
    counter('offset_commit_failures_total', 'Commits of offsets that failed', (it) => it.commitFailures),
  ];
}

function sourceFamilies(all: readonly SupervisedTaskMetrics[]): MetricFamily[] {
  const { gauge, counter } = families('kafka_connect_source_task_metrics', all.filter((it) => it.type === 'source'));
  return [
    counter('source_record_poll_total', 'Records that poll gave', (it) => it.recordsIn),
    gauge('source_record_poll_rate', 'Records a second that poll gave, over the last half minute', (it) => it.recordsInRate),
    gauge('source_record_write_rate', 'Records a second that Kafka has acknowledged, over the last half minute', (it) => it.recordsOutRate),
    counter('source_record_write_total', 'Records that Kafka has acknowledged', (it) => it.recordsOut),
    counter('source_byte_write_total', 'Bytes of keys and values, before compression', (it) => it.bytesOut),
    counter('poll_batch_total', 'Polls that gave records', (it) => it.batches),
    gauge('poll_batch_avg_time_ms', 'Time of a poll, on average over the last half minute', (it) => it.batchMsAvg),
    gauge('poll_batch_max_time_ms', 'Longest poll of the last half minute', (it) => it.batchMsMax),
    gauge('source_record_active_count', 'Records sent and not yet acknowledged', (it) => it.recordsActive),
    gauge('source_record_active_count_avg', 'Records sent and not yet acknowledged, on average over the last half minute', (it) => it.recordsActiveAvg),
    gauge('source_record_active_count_max', 'Records sent and not yet acknowledged, at most in the last half minute, looked at every second', (it) => it.recordsActiveMax),
    counter('offset_commit_completion_total', 'Commits of offsets that succeeded', (it) => it.commits),
    gauge('source_lag_ms', 'How far the task is behind its source, as it says itself', (it) => it.sourceLagMs),
    gauge('source_lag_bytes', 'How many bytes the task is behind its source, as it says itself', (it) => it.sourceLagBytes),
  ];
}

function sinkFamilies(all: readonly SupervisedTaskMetrics[]): MetricFamily[] {
  const { gauge, counter } = families('kafka_connect_sink_task_metrics', all.filter((it) => it.type === 'sink'));
  return [
    counter('sink_record_read_total', 'Records read from Kafka', (it) => it.recordsIn),
    counter('sink_record_send_total', 'Records put', (it) => it.recordsOut),
    gauge('sink_record_read_rate', 'Records a second that were read from Kafka, over the last half minute', (it) => it.recordsInRate),
    gauge('sink_record_send_rate', 'Records a second that were put, over the last half minute', (it) => it.recordsOutRate),
    gauge('sink_record_active_count', 'Records read and not yet put', (it) => it.recordsActive),
    gauge('sink_record_active_count_avg', 'Records read and not yet put, on average over the last half minute', (it) => it.recordsActiveAvg),
    gauge('sink_record_active_count_max', 'Records read and not yet put, at most in the last half minute, looked at every second', (it) => it.recordsActiveMax),
    gauge('sink_record_lag_max', 'Of the assigned partitions, the most records behind what was fetched', (it) => it.lagMax),
    gauge('sink_record_lag', 'Records in the log that were not put yet', (it) => it.lag),
    gauge('sink_record_lag_committed', 'Records in the log behind the committed offsets', (it) => it.lagCommitted),
    gauge('partition_count', 'Assigned partitions', (it) => it.partitions),
    counter('put_batch_total', 'Puts', (it) => it.batches),
    gauge('put_batch_avg_time_ms', 'Time of a put, on average over the last half minute', (it) => it.batchMsAvg),
    gauge('put_batch_max_time_ms', 'Longest put of the last half minute', (it) => it.batchMsMax),
    gauge('offset_commit_seq_no', 'Commits of offsets that were begun and have ended', (it) => it.commits + it.commitFailures),
    counter('offset_commit_completion_total', 'Commits of offsets that succeeded', (it) => it.commits),
    gauge('offset_commit_completion_rate', 'Commits of offsets a second that succeeded, over the last half minute', (it) => it.commitRate),
    counter('offset_commit_skip_total', 'Commits of offsets that ended too late', (it) => it.commitsSkipped),
    gauge('offset_commit_skip_rate', 'Commits of offsets a second that ended too late, over the last half minute', (it) => it.commitSkipRate),
  ];
}

function errorFamilies(tasks: readonly SupervisedTaskMetrics[]): MetricFamily[] {
  const { gauge, counter } = families('kafka_connect_task_error_metrics', tasks);
  return [
    counter('total_record_failures', 'Failed operations, each failed retry included', (it) => it.errors.totalRecordFailures),
    counter('total_record_errors', 'Records that failed for good', (it) => it.errors.totalRecordErrors),
    counter('total_records_skipped', 'Records skipped because of errors', (it) => it.errors.totalRecordsSkipped),
    counter('total_retries', 'Retried operations', (it) => it.errors.totalRetries),
    counter('total_errors_logged', 'Errors that were logged', (it) => it.errors.totalErrorsLogged),
    counter('deadletterqueue_produce_requests', 'Records written to the dead letter topic, or tried to', (it) => it.errors.deadLetterQueueProduceRequests),
    counter('deadletterqueue_produce_failures', 'Records that could not be written to the dead letter topic', (it) => it.errors.deadLetterQueueProduceFailures),
    gauge('last_error_timestamp', 'When the last error was, in milliseconds; 0 for none', (it) => it.errors.lastErrorTimestampMs),
  ];
}

function ownFamilies(tasks: readonly SupervisedTaskMetrics[]): MetricFamily[] {
  const { gauge, counter } = families('kafka_connect_millrace_task_metrics', tasks);
  return [
    gauge('latency_avg_ms', 'From the record’s timestamp to its acknowledgement by Kafka or the end of its put, on average', (it) => it.latencyAvgMs),
    gauge('latency_max_ms', 'From the record’s timestamp to its acknowledgement by Kafka or the end of its put, at most', (it) => it.latencyMaxMs),
    gauge('stalled', '1: the task neither reads nor writes', (it) => (it.isStalled && it.state !== 'FAILED' ? 1 : 0)),
    gauge('stalled_ms', 'For how long the task has been stalled', (it) => (it.isStalled && it.state !== 'FAILED' ? it.stalledForMs : 0)),
    counter('restarts_total', 'Starts of the failed task by its worker', (it) => it.restarts),
    gauge('heap_bytes', 'Heap of the task’s thread or process', (it) => it.heapBytes),
    gauge('external_bytes', 'Memory of the task’s thread or process outside its heap', (it) => it.externalBytes),
    gauge('last_progress_timestamp_ms', 'When an operation of the task last came to its end', (it) => (it.lastProgressMs === 0 ? null : it.lastProgressMs)),
  ];
}

function startFamilies({ connectors, tasks, connectorStartups, taskStartups }: WorkerMetrics): MetricFamily[] {
  const group = 'kafka_connect_connect_worker_metrics';
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number): MetricFamily => ({ name: `${group}_${name}`, help, type, samples: [{ value }] });
  const starts = (kind: string, { attempts, successes, failures }: WorkerMetrics['taskStartups']): MetricFamily[] => [
    one(`${kind}_startup_attempts_total`, 'counter', `Starts of a ${kind} on this worker`, attempts),
    one(`${kind}_startup_success_total`, 'counter', `Starts of a ${kind} that succeeded`, successes),
    one(`${kind}_startup_failure_total`, 'counter', `Starts of a ${kind} that failed`, failures),
    one(`${kind}_startup_success_percentage`, 'gauge', `Share of the starts of a ${kind} that succeeded, 0 to 1`, share(successes, failures)),
    one(`${kind}_startup_failure_percentage`, 'gauge', `Share of the starts of a ${kind} that failed, 0 to 1`, share(failures, successes)),
  ];
  const names = [...new Set(tasks.map((it) => it.connector))];
  const count = (state: string, isIt: (it: SupervisedTaskMetrics) => boolean): MetricFamily => ({
    name: `${group}_connector_${state}_task_count`,
    help: `Tasks of the connector on this worker: ${state}`,
    type: 'gauge',
    samples: names.map((connector) => ({ labels: { connector }, value: tasks.filter((it) => it.connector === connector && isIt(it)).length })),
  });
  return [
    one('connector_count', 'gauge', 'Connectors that run on this worker', connectors.length),
    one('task_count', 'gauge', 'Tasks on this worker', tasks.length),
    ...starts('connector', connectorStartups),
    ...starts('task', taskStartups),
    count('total', () => true),
    ...['running', 'paused', 'failed', 'restarting', 'unassigned', 'destroyed'].map((state) => count(state, (it) => it.state === state.toUpperCase())),
  ];
}

function rebalanceFamilies({ workerId, groupGeneration, isLeader, leader, protocol, rebalances }: WorkerMetrics): MetricFamily[] {
  const group = 'kafka_connect_connect_worker_rebalance_metrics';
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number | null): MetricFamily => ({ name: `${group}_${name}`, help, type, samples: value === null ? [] : [{ value }] });
  return [
    { name: `${group}_info`, help: 'Protocol and leader of the group', type: 'gauge', samples: [{ labels: { connect_protocol: protocol, leader_name: leader ?? '', worker_id: workerId }, value: 1 }] },
    one('epoch', 'gauge', 'Generation of the group', groupGeneration),
    one('leader', 'gauge', '1: this worker leads the group', isLeader ? 1 : 0),
    one('completed_rebalances_total', 'counter', 'Rebalances that this worker took part in', rebalances.completed),
    one('rebalancing', 'gauge', '1: a rebalance is under way', rebalances.isRebalancing ? 1 : 0),
    one('rebalance_avg_time_ms', 'gauge', 'Time of a rebalance, on average since the start', rebalances.avgMs),
    one('rebalance_max_time_ms', 'gauge', 'Longest rebalance since the start', rebalances.maxMs),
    one('time_since_last_rebalance_ms', 'gauge', 'Since the last rebalance', rebalances.sinceLastMs),
  ];
}

/** What Connect tells of a task in words: names of its classes, and their versions. */
function classes(it: SupervisedTaskMetrics): Record<string, string> {
  const converters = { key: it.keyConverter, value: it.valueConverter, header: it.headerConverter };
  return {
    connector_class: it.connectorClass,
    connector_type: it.type,
    connector_version: it.version ?? 'unknown',
    task_class: it.taskClass,
    task_version: it.version ?? 'unknown',
    ...Object.fromEntries(Object.entries(converters).flatMap(([kind, plugin]) => [[`${kind}_converter_class`, plugin.class], [`${kind}_converter_version`, plugin.version ?? 'unknown']])),
  };
}

function stepFamily(kind: 'transform' | 'predicate', tasks: readonly SupervisedTaskMetrics[], steps: (it: SupervisedTaskMetrics) => SupervisedTaskMetrics['transformations']): MetricFamily {
  return {
    name: `kafka_connect_connector_${kind}_metrics_info`,
    help: `Class and version of each ${kind} of a task`,
    type: 'gauge',
    samples: tasks.flatMap((task) => steps(task).map((it) => ({ labels: { ...labels(task), [kind]: it.alias, [`${kind}_class`]: it.class, [`${kind}_version`]: it.version ?? 'unknown' }, value: 1 }))),
  };
}

function families(group: string, tasks: readonly SupervisedTaskMetrics[]): Record<'gauge' | 'counter', (name: string, help: string, value: Value<SupervisedTaskMetrics>) => MetricFamily> {
  const family = (type: 'gauge' | 'counter') => (name: string, help: string, value: Value<SupervisedTaskMetrics>): MetricFamily => ({
    name: `${group}_${name}`,
    help,
    type,
    samples: tasks.flatMap((it) => {
      const known = value(it);
      return known === null ? [] : [{ labels: labels(it), value: known }];
    }),
  });
  return { gauge: family('gauge'), counter: family('counter') };
}

function labels({ connector, task }: SupervisedTaskMetrics): { connector: string; task: number } {
  return { connector, task };
}

function share(part: number, others: number): number {
  return part + others === 0 ? 0 : part / (part + others);
}
