import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

/** Reads lines "schemas.enable decimal.format base64", converts the bytes to Connect data and back, prints the bytes or the error. */
public class JsonRoundTrip {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Map<String, JsonConverter> converters = new java.util.HashMap<>();
        String line;
        while ((line = in.readLine()) != null) {
            String[] parts = line.split(" ");
            JsonConverter converter = converters.computeIfAbsent(parts[0] + parts[1], key -> {
                JsonConverter made = new JsonConverter();
                made.configure(Map.of("schemas.enable", parts[0], "decimal.format", parts[1]), false);
                return made;
            });
            try {
                SchemaAndValue data = converter.toConnectData("t", Base64.getDecoder().decode(parts[2]));
                byte[] bytes = converter.fromConnectData("t", data.schema(), data.value());
                System.out.println(bytes == null ? "null" : Base64.getEncoder().encodeToString(bytes));
            } catch (Exception e) {
                System.out.println("error " + e.getMessage());
            }
        }
    }
}
