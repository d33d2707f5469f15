import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.debezium.connector.postgresql.PostgresConnectorTask;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;

/**
 * Runs Debezium's task once per profile, without Kafka, and prints each record as a line of JSON: the texts that Java's JsonConverter makes of
 * key and value with and without schemas, the headers, and the offset. It is told what to do on standard input:
 *   {"start":{"<profile>":{settings}, ...}}      starts a task each
 *   {"drain":n}                                  answers {"drained":n} when every task has handed over the row n of judge.marker
 *   {"quiet":ms}                                 answers {"quiet":ms} when no task has handed anything over for so long
 *   {"stop":true}                                stops them and ends
 */
public class RecordDebezium {
    static final ObjectMapper MAPPER = new ObjectMapper();
    static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    static final Map<String, Integer> MARKERS = new ConcurrentHashMap<>();
    static volatile long lastRecordAt = System.currentTimeMillis();
    static volatile boolean running = true;

    public static void main(String[] args) throws Exception {
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Map<String, Thread> tasks = new LinkedHashMap<>();
        for (String line; (line = in.readLine()) != null;) {
            ObjectNode command = (ObjectNode) MAPPER.readTree(line);
            if (command.has("start")) {
                for (Map.Entry<String, com.fasterxml.jackson.databind.JsonNode> it : command.get("start").properties()) {
                    Map<String, String> settings = new LinkedHashMap<>();
                    it.getValue().properties().forEach(entry -> settings.put(entry.getKey(), entry.getValue().asText()));
                    Thread thread = new Thread(() -> run(it.getKey(), settings), it.getKey());
                    tasks.put(it.getKey(), thread);
                    MARKERS.put(it.getKey(), -1);
                    thread.start();
                }
                answer("started", tasks.size());
            }
            else if (command.has("drain")) {
                int wanted = command.get("drain").asInt();
                while (MARKERS.values().stream().anyMatch(it -> it < wanted)) {
                    Thread.sleep(2);
                }
                answer("drained", wanted);
            }
            else if (command.has("quiet")) {
                int ms = command.get("quiet").asInt();
                while (System.currentTimeMillis() - lastRecordAt < ms) {
                    Thread.sleep(10);
                }
                answer("quiet", ms);
            }
            else {
                running = false;
                for (Thread it : tasks.values()) {
                    it.join();
                }
                System.exit(0);
            }
        }
    }

    static synchronized void answer(String name, int value) {
        OUT.println("{\"" + name + "\":" + value + "}");
        OUT.flush();
    }

    static void run(String profile, Map<String, String> settings) {
        try {
            PostgresConnectorTask task = new PostgresConnectorTask();
            task.initialize(new Context(settings));
            task.start(settings);
            Converters converters = new Converters();
            while (running) {
                List<SourceRecord> records = task.poll();
                if (records == null || records.isEmpty()) {
                    continue;
                }
                lastRecordAt = System.currentTimeMillis();
                for (SourceRecord record : records) {
                    print(profile, record, converters);
                }
                for (SourceRecord record : records) {
                    task.commitRecord(record, null);
                }
                task.commit();
            }
            task.stop();
        }
        catch (Throwable e) {
            e.printStackTrace(System.err);
            MARKERS.put(profile, Integer.MAX_VALUE);
            synchronized (RecordDebezium.class) {
                OUT.println("{\"failed\":" + MAPPER.valueToTree(profile + ": " + e) + "}");
                OUT.flush();
            }
        }
    }

    static void print(String profile, SourceRecord record, Converters converters) throws Exception {
        if (record.topic().endsWith("judge.marker") || record.topic().endsWith("judge_marker")) {
            if (record.value() != null) {
                MARKERS.merge(profile, ((Struct) record.value()).getStruct("after").getInt32("n"), Math::max);
            }
            return;
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("profile", profile);
        line.put("topic", record.topic());
        line.put("key", text(converters.plain(true).fromConnectData(record.topic(), record.keySchema(), record.key())));
        line.put("keyFull", text(converters.full(true).fromConnectData(record.topic(), record.keySchema(), record.key())));
        line.put("value", text(converters.plain(false).fromConnectData(record.topic(), record.valueSchema(), record.value())));
        line.put("valueFull", text(converters.full(false).fromConnectData(record.topic(), record.valueSchema(), record.value())));
        Map<String, String> headers = new LinkedHashMap<>();
        for (Header it : record.headers()) {
            headers.put(it.key(), text(converters.plain(false).fromConnectData(record.topic(), it.schema(), it.value())));
        }
        line.put("headers", headers);
        line.put("offset", new TreeMap<>(record.sourceOffset()));
        line.put("partition", record.sourcePartition());
        String json = MAPPER.writeValueAsString(line);
        synchronized (RecordDebezium.class) {
            OUT.println(json);
            OUT.flush();
        }
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    static class Converters {
        private final Map<String, JsonConverter> all = new LinkedHashMap<>();

        JsonConverter plain(boolean isKey) {
            return of("false", isKey);
        }

        JsonConverter full(boolean isKey) {
            return of("true", isKey);
        }

        private JsonConverter of(String hasSchemas, boolean isKey) {
            return all.computeIfAbsent(hasSchemas + isKey, it -> {
                JsonConverter converter = new JsonConverter();
                converter.configure(Map.of("schemas.enable", hasSchemas, "schemas.cache.size", "10000"), isKey);
                return converter;
            });
        }
    }

    record Context(Map<String, String> configs) implements SourceTaskContext {
        @Override
        public OffsetStorageReader offsetStorageReader() {
            return new OffsetStorageReader() {
                @Override
                public <T> Map<String, Object> offset(Map<String, T> partition) {
                    return null;
                }

                @Override
                public <T> Map<Map<String, T>, Map<String, Object>> offsets(Collection<Map<String, T>> partitions) {
                    Map<Map<String, T>, Map<String, Object>> none = new LinkedHashMap<>();
                    partitions.forEach(it -> none.put(it, null));
                    return none;
                }
            };
        }

        @Override
        public PluginMetrics pluginMetrics() {
            return null;
        }
    }
}
