package org.apache.kafka.controller;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.AlterPartitionRequestData;
import org.apache.kafka.common.message.AssignReplicasToDirsRequestData;
import org.apache.kafka.common.message.BrokerHeartbeatRequestData;
import org.apache.kafka.common.message.BrokerRegistrationRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.metadata.*;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.metadata.BrokerHeartbeatReply;
import org.apache.kafka.metadata.BrokerRegistration;
import org.apache.kafka.metadata.FinalizedControllerFeatures;
import org.apache.kafka.metadata.LeaderRecoveryState;
import org.apache.kafka.metadata.PartitionRegistration;
import org.apache.kafka.metadata.Replicas;
import org.apache.kafka.metadata.VersionRange;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.common.MetadataVersion;
import org.apache.kafka.timeline.SnapshotRegistry;

/**
 * Apache Kafka's own controller as an oracle: a line of JSON in, a line of JSON out. `change`: what PartitionChangeBuilder makes of a partition. `drive`: the
 * errors of an operation, and what ReplicationControlManager and ClusterControlManager then say of each broker and partition.
 */
public class ControllerJudge {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final MetadataVersion VERSION = MetadataVersion.fromFeatureLevel((short) 25);

    public static void main(String[] args) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        Driver driver = null;
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JsonNode node = JSON.readTree(line);
            if (args[0].equals("change")) System.out.println(change(node));
            else if (node.get("op").asText().equals("begin")) {
                driver = new Driver(node);
                System.out.println("{}");
            } else System.out.println(driver.run(node));
        }
    }

    static int[] ints(JsonNode node) {
        int[] result = new int[node.size()];
        for (int i = 0; i < result.length; i++) result[i] = node.get(i).asInt();
        return result;
    }

    static List<Integer> list(JsonNode node) {
        return Replicas.toList(ints(node));
    }

    static List<Uuid> uuids(JsonNode node) {
        List<Uuid> result = new ArrayList<>();
        node.forEach(it -> result.add(Uuid.fromString(it.asText())));
        return result;
    }

    static JsonNode change(JsonNode node) {
        JsonNode p = node.get("partition");
        PartitionRegistration partition = new PartitionRegistration.Builder().setReplicas(ints(p.get("replicas"))).setDirectories(uuids(p.get("directories")).toArray(new Uuid[0]))
            .setIsr(ints(p.get("isr"))).setRemovingReplicas(ints(p.get("removingReplicas"))).setAddingReplicas(ints(p.get("addingReplicas")))
            .setElr(ints(p.get("eligibleLeaderReplicas"))).setLastKnownElr(ints(p.get("lastKnownElr"))).setLeader(p.get("leader").asInt())
            .setLeaderRecoveryState(p.get("isRecovering").asBoolean() ? LeaderRecoveryState.RECOVERING : LeaderRecoveryState.RECOVERED)
            .setLeaderEpoch(p.get("leaderEpoch").asInt()).setPartitionEpoch(p.get("partitionEpoch").asInt()).build();
        Set<Integer> fit = new HashSet<>(list(node.get("fit")));
        Uuid added = Uuid.fromString(node.get("directoryOfNew").asText());
        JsonNode goal = node.get("goal");
        PartitionChangeBuilder builder = new PartitionChangeBuilder(partition, Uuid.ONE_UUID, 0, fit::contains, VERSION, node.get("minInSyncReplicas").asInt(), node.get("hasEligibleReplicas").asBoolean());
        builder.setDefaultDirProvider(id -> added).setElection(PartitionChangeBuilder.Election.valueOf(goal.get("election").asText().toUpperCase()));
        if (goal.has("isr")) builder.setTargetIsr(list(goal.get("isr")));
        if (goal.has("replicas")) builder.setTargetReplicas(list(goal.get("replicas")));
        if (goal.has("removingReplicas")) builder.setTargetRemoving(list(goal.get("removingReplicas")));
        if (goal.has("addingReplicas")) builder.setTargetAdding(list(goal.get("addingReplicas")));
        if (goal.has("isRecovering")) builder.setTargetLeaderRecoveryState(goal.get("isRecovering").asBoolean() ? LeaderRecoveryState.RECOVERING : LeaderRecoveryState.RECOVERED);
        if (goal.has("uncleanShutdown")) builder.setUncleanShutdownReplicas(List.of(goal.get("uncleanShutdown").asInt()));
        if (goal.has("directory")) builder.setDirectory(goal.get("directory").get("brokerId").asInt(), Uuid.fromString(goal.get("directory").get("directory").asText()));
        Optional<ApiMessageAndVersion> record = builder.build();
        return record.map(it -> partition(partition.merge((PartitionChangeRecord) it.message()))).orElse(JSON.nullNode());
    }

    static JsonNode partition(PartitionRegistration it) {
        ObjectNode node = JSON.createObjectNode();
        node.set("replicas", JSON.valueToTree(it.replicas));
        ArrayNode directories = node.putArray("directories");
        for (Uuid directory : it.directories) directories.add(directory.toString());
        node.set("isr", JSON.valueToTree(it.isr));
        node.set("removingReplicas", JSON.valueToTree(it.removingReplicas));
        node.set("addingReplicas", JSON.valueToTree(it.addingReplicas));
        node.set("eligibleLeaderReplicas", JSON.valueToTree(it.elr));
        node.set("lastKnownElr", JSON.valueToTree(it.lastKnownElr));
        node.put("leader", it.leader).put("isRecovering", it.leaderRecoveryState == LeaderRecoveryState.RECOVERING);
        return node.put("leaderEpoch", it.leaderEpoch).put("partitionEpoch", it.partitionEpoch);
    }

    /** One cluster, whose log is at `offset`. */
    static class Driver {
        private final String clusterId;
        private long nowMs;
        private long offset;
        private final FeatureControlManager features;
        private final ConfigurationControlManager configs;
        private final ClusterControlManager cluster;
        private final ReplicationControlManager replication;
        private final TreeMap<String, Integer> topics = new TreeMap<>();

        Driver(JsonNode node) {
            clusterId = node.get("clusterId").asText();
            nowMs = node.get("nowMs").asLong();
            offset = node.get("offset").asLong();
            SnapshotRegistry snapshots = new SnapshotRegistry(new LogContext());
            Map<String, VersionRange> ranges = Map.of("metadata.version", VersionRange.of((short) 25, (short) 30), "eligible.leader.replicas.version", VersionRange.of((short) 0, (short) 1));
            features = new FeatureControlManager.Builder().setSnapshotRegistry(snapshots).setQuorumFeatures(new QuorumFeatures(0, ranges, List.of(0))).build();
            features.replay(new FeatureLevelRecord().setName("metadata.version").setFeatureLevel((short) node.get("metadataVersion").asInt()));
            if (node.get("hasEligibleReplicas").asBoolean()) features.replay(new FeatureLevelRecord().setName("eligible.leader.replicas.version").setFeatureLevel((short) 1));
            configs = new ConfigurationControlManager.Builder().setSnapshotRegistry(snapshots).setKafkaConfigSchema(KafkaRaftServer.configSchema()).setFeatureControl(features).build();
            ReplicationControlManager[] later = new ReplicationControlManager[1];
            cluster = new ClusterControlManager.Builder().setClusterId(clusterId).setTime(time()).setSnapshotRegistry(snapshots).setSessionTimeoutNs(9_000_000_000L)
                .setFeatureControlManager(features).setBrokerShutdownHandler((id, isClean, records) -> later[0].handleBrokerShutdown(id, isClean, records)).build();
            replication = later[0] = new ReplicationControlManager.Builder().setSnapshotRegistry(snapshots).setConfigurationControl(configs).setClusterControl(cluster).setFeatureControl(features).build();
            cluster.activate();
        }

        private Time time() {
            return new Time() {
                public long milliseconds() { return nowMs; }
                public long nanoseconds() { return nowMs * 1_000_000L; }
                public void sleep(long ms) { throw new UnsupportedOperationException(); }
                public void waitObject(Object it, Supplier<Boolean> condition, long deadlineMs) { throw new UnsupportedOperationException(); }
            };
        }

        JsonNode run(JsonNode node) {
            nowMs = node.get("nowMs").asLong();
            offset = node.get("offset").asLong();
            ArrayNode answer = JSON.createArrayNode();
            try {
                operate(node, answer);
            } catch (ApiException error) {
                answer.add(Errors.forException(error).name());
            } catch (RuntimeException broken) {
                // The two have gone different ways before.
                answer.add(broken.toString());
            }
            return JSON.createObjectNode().<ObjectNode>set("answer", answer).set("state", state());
        }

        private void operate(JsonNode node, ArrayNode answer) {
            int id = node.path("brokerId").asInt();
            long epoch = node.path("brokerEpoch").asLong();
            String topic = node.path("topic").asText();
            switch (node.get("op").asText()) {
                case "register": {
                    BrokerRegistrationRequestData request = new BrokerRegistrationRequestData().setBrokerId(id).setClusterId(clusterId).setIncarnationId(Uuid.fromString(node.get("incarnationId").asText()))
                        .setLogDirs(uuids(node.get("logDirs"))).setPreviousBrokerEpoch(node.get("previousBrokerEpoch").asLong());
                    request.features().add(new BrokerRegistrationRequestData.Feature().setName("metadata.version").setMinSupportedVersion((short) 25).setMaxSupportedVersion((short) 30));
                    request.features().add(new BrokerRegistrationRequestData.Feature().setName("eligible.leader.replicas.version").setMaxSupportedVersion((short) 1));
                    request.listeners().add(new BrokerRegistrationRequestData.Listener().setName("PLAINTEXT").setHost("localhost").setPort(9092).setSecurityProtocol((short) 0));
                    answer.add(replay(cluster.registerBroker(request, offset, new FinalizedControllerFeatures(Map.of("metadata.version", features.metadataVersionOrThrow().featureLevel()), 1L), true)).epoch());
                    break;
                }
                case "heartbeat": {
                    cluster.trackBrokerHeartbeat(id, epoch);
                    BrokerHeartbeatRequestData request = new BrokerHeartbeatRequestData().setBrokerId(id).setBrokerEpoch(epoch).setCurrentMetadataOffset(node.get("metadataOffset").asLong())
                        .setWantFence(node.get("wantFence").asBoolean()).setWantShutDown(node.get("wantShutDown").asBoolean()).setOfflineLogDirs(uuids(node.get("offlineLogDirs")));
                    if (node.hasNonNull("cordonedLogDirs")) request.setCordonedLogDirs(uuids(node.get("cordonedLogDirs")));
                    OptionalLong registered = cluster.registerBrokerRecordOffset(id);
                    BrokerHeartbeatReply reply = replay(replication.processBrokerHeartbeat(request, registered.orElse(-1)));
                    // Kafka forgets at the replay of a registration change what the broker has just said of its offset, and waits for its next heartbeat.
                    cluster.heartbeatManager().touch(id, reply.isFenced(), request.currentMetadataOffset());
                    if (reply.inControlledShutdown()) cluster.heartbeatManager().maybeUpdateControlledShutdownOffset(id, offset - 1);
                    // Not in Kafka: whoever was told to go has no session any more.
                    if (reply.shouldShutDown()) cluster.heartbeatManager().tracker().updateContactTime(new BrokerIdAndEpoch(id, epoch), 0);
                    answer.add(reply.isCaughtUp()).add(reply.isFenced()).add(reply.shouldShutDown());
                    break;
                }
                case "unregister":
                    replay(replication.unregisterBroker(id));
                    break;
                case "create": {
                    CreateTopicsRequestData.CreatableTopic wanted = new CreateTopicsRequestData.CreatableTopic().setName(topic).setNumPartitions(-1).setReplicationFactor((short) -1);
                    int index = 0;
                    for (JsonNode replicas : node.get("assignments")) wanted.assignments().add(new CreateTopicsRequestData.CreatableReplicaAssignment().setPartitionIndex(index++).setBrokerIds(list(replicas)));
                    CreateTopicsRequestData request = new CreateTopicsRequestData();
                    request.topics().add(wanted);
                    short error = replay(replication.createTopics(context(), request, Set.of(), false)).topics().find(topic).errorCode();
                    if (error == 0) topics.put(topic, index);
                    answer.add(Errors.forCode(error).name());
                    break;
                }
                case "place": {
                    CreateTopicsRequestData request = new CreateTopicsRequestData();
                    request.topics().add(new CreateTopicsRequestData.CreatableTopic().setName(topic).setNumPartitions(node.get("partitions").asInt()).setReplicationFactor((short) node.get("replicationFactor").asInt()));
                    var result = replication.createTopics(context(), request, Set.of(), false);
                    var created = result.response().topics().find(topic);
                    Set<Integer> leaders = new java.util.TreeSet<>();
                    for (ApiMessageAndVersion it : result.records()) if (it.message() instanceof PartitionRecord record) leaders.add(record.leader());
                    answer.add(Errors.forCode(created.errorCode()).name()).add(created.errorMessage()).add(JSON.valueToTree(leaders));
                    break;
                }
                case "upgrade":
                    features.replay(new FeatureLevelRecord().setName("metadata.version").setFeatureLevel((short) node.get("metadataVersion").asInt()));
                    break;
                case "delete":
                    replay(replication.deleteTopics(context(), List.of(replication.getTopicId(topic))));
                    topics.remove(topic);
                    break;
                case "alter": {
                    AlterPartitionRequestData.PartitionData data = new AlterPartitionRequestData.PartitionData().setPartitionIndex(node.get("partition").asInt()).setLeaderEpoch(node.get("leaderEpoch").asInt())
                        .setPartitionEpoch(node.get("partitionEpoch").asInt()).setLeaderRecoveryState((byte) node.get("leaderRecoveryState").asInt());
                    for (JsonNode it : node.get("isr")) data.newIsrWithEpochs().add(new AlterPartitionRequestData.BrokerState().setBrokerId(it.get(0).asInt()).setBrokerEpoch(it.get(1).asLong()));
                    AlterPartitionRequestData.TopicData data1 = new AlterPartitionRequestData.TopicData().setTopicId(replication.getTopicId(topic));
                    data1.partitions().add(data);
                    AlterPartitionRequestData request = new AlterPartitionRequestData().setBrokerId(id).setBrokerEpoch(epoch);
                    request.topics().add(data1);
                    var part = replay(replication.alterPartition(context(), request)).topics().get(0).partitions().get(0);
                    answer.add(Errors.forCode(part.errorCode()).name()).add(part.leaderId()).add(part.leaderEpoch()).add(part.partitionEpoch()).add(JSON.valueToTree(part.isr()));
                    break;
                }
                case "elect": {
                    var wanted = new ElectLeadersRequestData.TopicPartitions().setTopic(topic).setPartitions(list(node.get("partitions")));
                    ElectLeadersRequestData request = new ElectLeadersRequestData().setElectionType((byte) node.get("electionType").asInt());
                    request.topicPartitions().add(wanted);
                    for (var result : replay(replication.electLeaders(request)).replicaElectionResults()) for (var it : result.partitionResult()) answer.add(Errors.forCode(it.errorCode()).name());
                    break;
                }
                case "reassign": {
                    var partition = new AlterPartitionReassignmentsRequestData.ReassignablePartition().setPartitionIndex(node.get("partition").asInt()).setReplicas(node.get("replicas").isNull() ? null : list(node.get("replicas")));
                    var request = new AlterPartitionReassignmentsRequestData().setAllowReplicationFactorChange(node.get("allowReplicationFactorChange").asBoolean());
                    request.topics().add(new AlterPartitionReassignmentsRequestData.ReassignableTopic().setName(topic).setPartitions(List.of(partition)));
                    var it = replay(replication.alterPartitionReassignments(request)).responses().get(0).partitions().get(0);
                    String error = Errors.forCode(it.errorCode()).name();
                    answer.add(error).add(error.startsWith("INVALID") ? it.errorMessage() : null);
                    break;
                }
                case "listReassignments":
                    TreeMap<String, JsonNode> found = new TreeMap<>();
                    for (var each : replication.listPartitionReassignments(null, Long.MAX_VALUE).topics()) {
                        for (var it : each.partitions()) found.put(each.name() + "-" + it.partitionIndex(), JSON.valueToTree(List.of(it.replicas(), it.addingReplicas(), it.removingReplicas())));
                    }
                    found.forEach((name, it) -> answer.add(name).add(it));
                    break;
                case "assignDirectory": {
                    var partition = new AssignReplicasToDirsRequestData.PartitionData().setPartitionIndex(node.get("partition").asInt());
                    var data = new AssignReplicasToDirsRequestData.TopicData().setTopicId(replication.getTopicId(topic)).setPartitions(List.of(partition));
                    var directory = new AssignReplicasToDirsRequestData.DirectoryData().setId(Uuid.fromString(node.get("directory").asText())).setTopics(List.of(data));
                    var request = new AssignReplicasToDirsRequestData().setBrokerId(id).setBrokerEpoch(epoch).setDirectories(List.of(directory));
                    answer.add(Errors.forCode(replay(replication.handleAssignReplicasToDirs(request)).directories().get(0).topics().get(0).partitions().get(0).errorCode()).name());
                    break;
                }
                case "config": {
                    String value = node.get("value").isNull() ? null : node.get("value").asText();
                    ConfigResource resource = new ConfigResource(topic.isEmpty() ? ConfigResource.Type.BROKER : ConfigResource.Type.TOPIC, topic);
                    Map<String, Map.Entry<AlterConfigOp.OpType, String>> changes = Map.of(node.get("name").asText(), new java.util.AbstractMap.SimpleImmutableEntry<>(value == null ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET, value));
                    answer.add(replay(configs.incrementalAlterConfigs(Map.of(resource, changes), false, false)).get(resource).error().name());
                    break;
                }
                case "cordonConfig": {
                    String value = node.get("value").isNull() ? null : node.get("value").asText();
                    var operation = new java.util.AbstractMap.SimpleImmutableEntry<>(value == null ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET, value);
                    ConfigResource resource = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(id));
                    Map<String, Map.Entry<AlterConfigOp.OpType, String>> changes = Map.of("cordoned.log.dirs", operation);
                    var error = replay(configs.incrementalAlterConfigs(Map.of(resource, changes), false, node.get("isForwarded").asBoolean())).get(resource);
                    answer.add(error.error().name()).add(error.message());
                    break;
                }
                case "tick":
                    // Ours goes on until nothing is left to do.
                    for (long before = -1; before != offset; ) {
                        before = offset;
                        for (boolean more = true; more; ) more = replay(replication.maybeFenceOneStaleBroker());
                        replay(replication.maybeElectUncleanLeaders());
                        replay(replication.maybeBalancePartitionLeaders());
                    }
                    break;
                default:
                    throw new IllegalArgumentException(node.toString());
            }
        }

        private ControllerRequestContext context() {
            return new ControllerRequestContext(new RequestHeaderData().setRequestApiVersion((short) 3), KafkaPrincipal.ANONYMOUS, OptionalLong.empty());
        }

        private <T> T replay(ControllerResult<T> result) {
            for (ApiMessageAndVersion it : result.records()) {
                ApiMessage message = it.message();
                if (message instanceof RegisterBrokerRecord record) cluster.replay(record, offset);
                else if (message instanceof BrokerRegistrationChangeRecord record) cluster.replay(record);
                else if (message instanceof UnregisterBrokerRecord record) cluster.replay(record);
                else if (message instanceof TopicRecord record) replication.replay(record);
                else if (message instanceof PartitionRecord record) replication.replay(record);
                else if (message instanceof PartitionChangeRecord record) replication.replay(mended(record));
                else if (message instanceof RemoveTopicRecord record) replication.replay(record);
                else if (message instanceof ClearElrRecord record) {
                    forgetEligible(record);
                    replication.replay(record);
                }
                else if (message instanceof ConfigRecord record) configs.replay(record);
                else throw new IllegalStateException(message.toString());
                offset++;
            }
            return result.response();
        }

        /** Kafka keeps a replica eligible that is moved away, and takes -1 for a last known leader. Here it does not. */
        private PartitionChangeRecord mended(PartitionChangeRecord record) {
            PartitionRegistration before = replication.getPartition(record.topicId(), record.partitionId());
            List<Integer> replicas = record.replicas() == null ? Replicas.toList(before.replicas) : record.replicas();
            List<Integer> eligible = new ArrayList<>(record.eligibleLeaderReplicas() == null ? Replicas.toList(before.elr) : record.eligibleLeaderReplicas());
            if (eligible.retainAll(replicas)) record.setEligibleLeaderReplicas(eligible);
            if (record.lastKnownElr() != null && record.lastKnownElr().contains(-1)) record.setLastKnownElr(null);
            return record;
        }

        /** Kafka's index of eligible replicas is not told of this record, and then names partitions that changed or are gone. Here it is. */
        private void forgetEligible(ClearElrRecord record) {
            topics.forEach((name, count) -> {
                for (int i = 0; i < count; i++) {
                    Uuid id = replication.getTopicId(name);
                    PartitionRegistration partition = replication.getPartition(id, i);
                    if (record.topicName().isEmpty() || record.topicName().equals(name)) replication.brokersToElrs().update(id, i, partition.elr, new int[0]);
                }
            });
        }

        private JsonNode sorted(List<Uuid> directories) {
            return JSON.valueToTree(directories.stream().map(Uuid::toString).sorted().toList());
        }

        private JsonNode state() {
            ObjectNode state = JSON.createObjectNode();
            ObjectNode brokers = state.putObject("brokers");
            new TreeMap<>(cluster.brokerRegistrations()).forEach((id, it) -> {
                ObjectNode broker = brokers.putObject(String.valueOf(id)).put("epoch", it.epoch()).put("isFenced", it.fenced()).put("isShuttingDown", it.inControlledShutdown());
                broker.set("logDirs", sorted(it.directories()));
                broker.set("cordonedLogDirs", it.cordonedDirectories() == null ? JSON.nullNode() : sorted(it.cordonedDirectories()));
            });
            ObjectNode partitions = state.putObject("partitions");
            topics.forEach((name, count) -> {
                for (int i = 0; i < count; i++) partitions.set(name + "-" + i, partition(replication.getPartition(replication.getTopicId(name), i)));
            });
            return state;
        }
    }
}
