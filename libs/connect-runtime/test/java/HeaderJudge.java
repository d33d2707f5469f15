import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.HeaderConverter;

/** Reads lines "class base64", reads the bytes as a header and writes it again; prints "type name base64" or the error. */
public class HeaderJudge {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String line;
        while ((line = in.readLine()) != null) {
            String[] parts = line.split(" ", -1);
            try {
                HeaderConverter converter = (HeaderConverter) Class.forName(parts[0]).getDeclaredConstructor().newInstance();
                converter.configure(java.util.Map.of("converter.type", "header"));
                SchemaAndValue data = converter.toConnectHeader("t", "h", Base64.getDecoder().decode(parts[1]));
                if (data == null || data.value() == null) System.out.println("null");
                else {
                    String type = data.schema() == null ? data.value() instanceof java.util.List ? "ARRAY" : data.value() instanceof java.util.Map ? "MAP" : "-" : data.schema().type().name();
                    String name = data.schema() == null || data.schema().name() == null ? "-" : data.schema().name();
                    System.out.println(type + " " + name + " " + Base64.getEncoder().encodeToString(converter.fromConnectHeader("t", "h", data.schema(), data.value())));
                }
            } catch (Exception e) {
                System.out.println("error " + e.getMessage());
            }
        }
    }
}
