import type { BrokerMetrics, PartitionMetrics } from '@millrace/log';
import type { MetricFamily } from '@millrace/hosting';

/** A broker's values under the names that Kafka's have behind Prometheus' JMX exporter with its example rules for Kafka. */
export function brokerFamilies(metrics: BrokerMetrics | undefined): MetricFamily[] {
  const up = gauge('kafka_server_kafkaserver_brokerstate', 'State of the broker: 3 running, 1 starting or stopping', metrics === undefined ? 1 : 3);
  if (metrics === undefined) return [up];
  return [up, ...replicaFamilies(metrics), ...trafficFamilies(metrics), ...logFamilies(metrics.partitions), ...requestFamilies(metrics), ...cleanerFamilies(metrics)];
}

function replicaFamilies({ partitions, brokenPartitions, topics, connections, ...metrics }: BrokerMetrics): MetricFamily[] {
  const countOf = (isCounted: (it: PartitionMetrics) => boolean): number => partitions.filter(isCounted).length;
  return [
    gauge('kafka_server_replicamanager_partitioncount', 'Partitions on this broker', partitions.length),
    gauge('kafka_server_replicamanager_leadercount', 'Partitions that this broker leads', partitions.filter((it) => it.isLeader).length),
    gauge('kafka_server_replicamanager_offlinereplicacount', 'Partitions whose log cannot be used', brokenPartitions + partitions.filter((it) => it.isOffline).length),
    gauge('kafka_server_replicamanager_underreplicatedpartitions', 'Partitions led here that have replicas which are not in sync', countOf((it) => it.isUnderReplicated)),
    gauge('kafka_server_replicamanager_underminisrpartitioncount', 'Partitions led here with fewer replicas in sync than min.insync.replicas', countOf((it) => it.isUnderMinIsr)),
    gauge('kafka_server_replicamanager_atminisrpartitioncount', 'Partitions led here with just as many replicas in sync as min.insync.replicas', countOf((it) => it.isAtMinIsr)),
    counter('kafka_server_replicamanager_isrshrinks_total', 'Replicas that fell out of the in-sync replicas of partitions led here', metrics.isrShrinks),
    counter('kafka_server_replicamanager_isrexpands_total', 'Replicas that came into the in-sync replicas of partitions led here', metrics.isrExpands),
    counter('kafka_server_replicamanager_failedisrupdates_total', 'Changes of in-sync replicas that the controller refused', metrics.failedIsrUpdates),
    gauge('kafka_server_replicafetchermanager_maxlag', 'Records that leaders have committed and a replica here has not, at most', metrics.maxLag),
    gauge('kafka_server_replicafetchermanager_failedpartitionscount', 'Partitions whose replication was given up', metrics.failedPartitions),
    gauge('kafka_server_replicaalterlogdirsmanager_maxlag', 'Of replicas that move between log directories: the most records that a future log is behind', metrics.alterLogDirsMaxLag),
    gauge('kafka_server_replicaalterlogdirsmanager_failedpartitionscount', 'Moves between log directories that were given up', metrics.alterLogDirsFailedPartitions),
    counter('kafka_server_brokertopicmetrics_replicationbytesin_total', 'Bytes taken over from leaders', metrics.replicationBytesIn),
    counter('kafka_server_brokertopicmetrics_replicationbytesout_total', 'Bytes given to followers', metrics.replicationBytesOut),
    gauge('kafka_controller_kafkacontroller_globaltopiccount', 'Topics of the cluster', topics),
    gauge('kafka_server_socket_server_metrics_connection_count', 'Open connections of clients', connections),
  ];
}

/** Of the whole broker (no label `topic`), and of each topic. Both under one name, as in Kafka. */
function trafficFamilies(metrics: BrokerMetrics): MetricFamily[] {
  const topics = new Map<string, PartitionMetrics[]>();
  for (const it of metrics.partitions) {
    const known = topics.get(it.topic);
    if (known === undefined) topics.set(it.topic, [it]);
    else known.push(it);
  }
  const family = (name: string, help: string, key: 'messagesIn' | 'bytesIn' | 'bytesOut'): MetricFamily => ({
    name: `kafka_server_brokertopicmetrics_${name}_total`,
    help,
    type: 'counter',
    samples: [{ value: metrics[key] }, ...[...topics].map(([topic, partitions]) => ({ labels: { topic }, value: partitions.reduce((sum, it) => sum + it[key], 0) }))],
  });
  return [family('messagesin', 'Records appended', 'messagesIn'), family('bytesin', 'Bytes appended', 'bytesIn'), family('bytesout', 'Bytes fetched', 'bytesOut')];
}

function logFamilies(partitions: readonly PartitionMetrics[]): MetricFamily[] {
  const family = (name: string, help: string, value: (it: PartitionMetrics) => number): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    samples: partitions.filter((it) => !it.isOffline).map((it) => ({ labels: { topic: it.topic, partition: it.partition }, value: value(it) })),
  });
  return [
    family('kafka_log_log_size', 'Bytes of the log', (it) => it.sizeBytes),
    family('kafka_log_log_numlogsegments', 'Segments of the log', (it) => it.segments),
    family('kafka_log_log_logstartoffset', 'First offset of the log', (it) => it.logStartOffset),
    family('kafka_log_log_logendoffset', 'Next offset of the log', (it) => it.logEndOffset),
    family('kafka_cluster_partition_replicascount', 'Replicas of the partition', (it) => it.replicas),
    family('kafka_cluster_partition_insyncreplicascount', 'Replicas in sync, as far as this broker knows', (it) => it.inSyncReplicas),
    family('kafka_cluster_partition_underreplicated', '1: led here, and not all replicas are in sync', (it) => Number(it.isUnderReplicated)),
    family('kafka_cluster_partition_underminisr', '1: led here, with fewer in sync than min.insync.replicas', (it) => Number(it.isUnderMinIsr)),
    family('kafka_cluster_partition_highwatermark', 'Offset up to which records are committed', (it) => it.highWatermark),
  ];
}

/** Only requests that were made: an API that nobody calls has no series. */
function requestFamilies({ requests }: BrokerMetrics): MetricFamily[] {
  const used = requests.filter((it) => it.requests > 0);
  const family = (name: string, type: 'counter' | 'gauge', help: string, value: (it: (typeof used)[number]) => number): MetricFamily => ({
    name: `kafka_network_requestmetrics_${name}`,
    help,
    type,
    samples: used.map((it) => ({ labels: { request: it.api }, value: value(it) })),
  });
  return [
    family('requests_total', 'counter', 'Requests', (it) => it.requests),
    family('errors_total', 'counter', 'Requests that were answered by closing the connection', (it) => it.failures),
    family('requestbytes_total', 'counter', 'Bytes of the requests', (it) => it.requestBytes),
    family('totaltimems_total', 'counter', 'Milliseconds from the request to its answer, waits for data and acknowledgements included', (it) => it.totalTimeMs),
    family('totaltimems_max', 'gauge', 'Longest time from a request to its answer since the start', (it) => it.totalTimeMaxMs),
  ];
}

function cleanerFamilies({ cleaner }: BrokerMetrics): MetricFamily[] {
  if (cleaner === undefined) return [];
  return [
    gauge('kafka_log_logcleanermanager_max_dirty_percent', 'Dirty share of the dirtiest log', cleaner.maxDirtyPercent),
    gauge('kafka_log_logcleanermanager_time_since_last_run_ms', 'Since the cleaner last looked', cleaner.timeSinceLastRunMs),
    gauge('kafka_log_logcleanermanager_uncleanable_partitions_count', 'Partitions that cannot be cleaned', cleaner.uncleanablePartitionsCount),
    gauge('kafka_log_logcleaner_cleaner_recopy_percent', 'Written as a share of what was read by the last cleanings', cleaner.cleanerRecopyPercent),
    gauge('kafka_log_logcleaner_max_buffer_utilization_percent', 'Use of the cleaner’s buffer', cleaner.maxBufferUtilizationPercent),
    gauge('kafka_log_logcleaner_max_clean_time_secs', 'Longest of the last cleanings', cleaner.maxCleanTimeSecs),
    gauge('kafka_log_logcleaner_max_compaction_delay_secs', 'By how much max.compaction.lag.ms was overstepped', cleaner.maxCompactionDelaySecs),
    counter('kafka_log_logcleaner_cleanings_total', 'Cleanings', cleaner.cleanings),
    counter('kafka_log_logcleaner_bytes_cleaned_total', 'Bytes read by cleanings', cleaner.bytesCleaned),
    counter('kafka_log_logcleaner_bytes_written_total', 'Bytes written by cleanings', cleaner.bytesWritten),
  ];
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, help, type: 'gauge', samples: [{ value }] };
}

function counter(name: string, help: string, value: number): MetricFamily {
  return { name, help, type: 'counter', samples: [{ value }] };
}
