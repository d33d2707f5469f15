import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Apache Kafka's own classes as an oracle. Each line of the input is `name TAB version TAB json TAB hex`; each line of the output is
 * `hex TAB same`: what Kafka writes for the JSON, and whether it reads the given hex, to its end, as a message equal to the JSON's.
 */
public class KafkaMessages {
    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.", "org.apache.kafka.common.metadata.", "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.transaction.generated."
    };

    private static Class<?> find(String name) throws ClassNotFoundException {
        for (String prefix : PACKAGES) {
            for (String suffix : new String[] {"Data", ""}) {
                try {
                    return Class.forName(prefix + name + suffix);
                } catch (ClassNotFoundException absent) {
                    continue;
                }
            }
        }
        throw new ClassNotFoundException(name);
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] parts = line.split("\t", -1);
            short version = Short.parseShort(parts[1]);
            String answer;
            try {
                Class<?> type = find(parts[0]);
                Class<?> converter = Class.forName(type.getName() + "JsonConverter");
                Message expected = (Message) converter.getMethod("read", JsonNode.class, short.class).invoke(null, json.readTree(parts[2]), version);
                ByteBuffer written = MessageUtil.toByteBufferAccessor(expected, version).buffer();
                byte[] bytes = new byte[written.remaining()];
                written.get(bytes);
                Message actual = (Message) type.getConstructor().newInstance();
                ByteBuffer ours = ByteBuffer.wrap(HexFormat.of().parseHex(parts[3]));
                actual.read(new ByteBufferAccessor(ours), version);
                answer = HexFormat.of().formatHex(bytes) + "\t" + (!ours.hasRemaining() && actual.equals(expected));
            } catch (Exception failure) {
                Throwable cause = failure.getCause() == null ? failure : failure.getCause();
                answer = "-\t" + cause.toString().replaceAll("\\s+", " ");
            }
            System.out.println(answer);
        }
    }
}
