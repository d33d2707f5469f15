import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.debezium.connector.mongodb.MongoDbConnector;
import io.debezium.connector.mongodb.MongoDbConnectorTask;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.*;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;

/**
 * Runs the real Debezium connector without Kafka and without a Connect worker. First line of standard input: {"config": {...}, "offset": {...} or null}.
 * Prints one JSON object a record: topic, key, value (by Java's JsonConverter, with schemas), headers, partition, offset. Ends when standard input does.
 *   java -cp '<Kafka jars>:<debezium-connector-mongodb jars>' DebeziumReader.java
 */
public class DebeziumReader {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        Map<?, ?> request = JSON.readValue(in.readLine(), Map.class);
        @SuppressWarnings("unchecked") Map<String, String> config = (Map<String, String>) request.get("config");
        @SuppressWarnings("unchecked") Map<String, Object> offset = (Map<String, Object>) request.get("offset");

        MongoDbConnector connector = new MongoDbConnector();
        connector.start(config);
        Map<String, String> taskConfig = connector.taskConfigs(1).get(0);
        MongoDbConnectorTask task = new MongoDbConnectorTask();
        task.initialize(context(taskConfig, offset));
        Thread poller = new Thread(() -> run(task, taskConfig, out));
        poller.start();
        while (in.readLine() != null) { }
        task.stop();
        System.exit(0);
    }

    static void run(MongoDbConnectorTask task, Map<String, String> config, PrintStream out) {
        try {
            JsonConverter keys = new JsonConverter(), values = new JsonConverter();
            keys.configure(Map.of("schemas.enable", true), true);
            values.configure(Map.of("schemas.enable", true), false);
            task.start(config);
            while (true) {
                List<SourceRecord> records = task.poll();
                if (records == null) continue;
                for (SourceRecord it : records) out.println(line(it, keys, values));
                out.flush();
            }
        } catch (Throwable error) {
            ObjectNode node = JSON.createObjectNode();
            StringBuilder text = new StringBuilder();
            for (Throwable it = error; it != null; it = it.getCause()) text.append(it.getMessage()).append(" | ");
            node.put("error", text.toString());
            out.println(node);
            out.flush();
        }
    }

    static String line(SourceRecord it, JsonConverter keys, JsonConverter values) throws Exception {
        ObjectNode node = JSON.createObjectNode();
        node.put("topic", it.topic());
        if (it.kafkaPartition() != null) node.put("kafkaPartition", it.kafkaPartition());
        node.set("key", JSON.readTree(orNull(keys.fromConnectData(it.topic(), it.keySchema(), it.key()))));
        node.set("value", JSON.readTree(orNull(values.fromConnectData(it.topic(), it.valueSchema(), it.value()))));
        ObjectNode headers = node.putObject("headers");
        for (Header header : it.headers()) headers.putPOJO(header.key(), header.value());
        node.set("partition", JSON.valueToTree(it.sourcePartition()));
        node.set("offset", JSON.valueToTree(it.sourceOffset()));
        if (it.timestamp() != null) node.put("timestamp", it.timestamp());
        return JSON.writeValueAsString(node);
    }

    static byte[] orNull(byte[] bytes) {
        return bytes == null ? "null".getBytes() : bytes;
    }

    static SourceTaskContext context(Map<String, String> config, Map<String, Object> offset) {
        OffsetStorageReader reader = new OffsetStorageReader() {
            public <T> Map<String, Object> offset(Map<String, T> partition) {
                return offset == null || partition.containsKey("rs") ? null : offset;
            }
            public <T> Map<Map<String, T>, Map<String, Object>> offsets(Collection<Map<String, T>> partitions) {
                Map<Map<String, T>, Map<String, Object>> found = new HashMap<>();
                for (Map<String, T> it : partitions) found.put(it, offset(it));
                return found;
            }
        };
        return new SourceTaskContext() {
            public Map<String, String> configs() { return config; }
            public OffsetStorageReader offsetStorageReader() { return reader; }
            public org.apache.kafka.common.metrics.PluginMetrics pluginMetrics() { return null; }
        };
    }
}
