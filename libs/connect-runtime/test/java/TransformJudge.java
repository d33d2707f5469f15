import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Reads lines of base64 fields "class config topic timestamp key value headers", where config is key=value lines and headers are key=envelope
 * lines; applies the transformation to a sink record at partition 3, offset 42. Prints "topic timestamp key value headers" in the same form,
 * "null" for a record that is dropped, or "error class message".
 */
public class TransformJudge {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "true"), false);
        String line;
        while ((line = in.readLine()) != null) {
            String[] parts = line.split(" ", -1);
            for (int i = 0; i < parts.length; i++) parts[i] = parts[i].equals("-") ? null : new String(Base64.getDecoder().decode(parts[i]), StandardCharsets.UTF_8);
            System.out.println(answer(converter, parts));
        }
    }

    @SuppressWarnings("unchecked")
    private static String answer(JsonConverter converter, String[] parts) {
        try {
            Map<String, String> config = new HashMap<>();
            for (String entry : parts[1].split("\n")) if (!entry.isEmpty()) config.put(entry.substring(0, entry.indexOf('=')), entry.substring(entry.indexOf('=') + 1));
            Transformation<SinkRecord> transformation = (Transformation<SinkRecord>) Class.forName(parts[0]).getDeclaredConstructor().newInstance();
            transformation.configure(config);
            SchemaAndValue key = data(converter, parts[4]);
            SchemaAndValue value = data(converter, parts[5]);
            ConnectHeaders headers = new ConnectHeaders();
            for (String entry : parts[6].split("\n")) if (!entry.isEmpty()) headers.add(entry.substring(0, entry.indexOf('=')), data(converter, entry.substring(entry.indexOf('=') + 1)));
            Long timestamp = parts[3] == null ? null : Long.valueOf(parts[3]);
            SinkRecord record = new SinkRecord(parts[2], 3, key.schema(), key.value(), value.schema(), value.value(), 42, timestamp, TimestampType.CREATE_TIME, headers);
            SinkRecord result = transformation.apply(record);
            if (result == null) return "null";
            List<String> out = new ArrayList<>();
            for (Header header : result.headers()) out.add(header.key() + "=" + json(converter, header.schema(), header.value()));
            return encoded(result.topic()) + " " + encoded(result.timestamp() == null ? null : result.timestamp().toString()) + " " + encoded(json(converter, result.keySchema(), result.key()))
                + " " + encoded(json(converter, result.valueSchema(), result.value())) + " " + encoded(String.join("\n", out));
        } catch (Throwable e) {
            return "error " + e.getClass().getName() + " " + String.valueOf(e.getMessage()).replace("\n", " ");
        }
    }

    private static SchemaAndValue data(JsonConverter converter, String json) {
        return json == null ? SchemaAndValue.NULL : converter.toConnectData("t", json.getBytes(StandardCharsets.UTF_8));
    }

    private static String json(JsonConverter converter, org.apache.kafka.connect.data.Schema schema, Object value) {
        byte[] bytes = converter.fromConnectData("t", schema, value);
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    private static String encoded(String text) {
        return text == null ? "-" : Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
