import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.Utils;

/**
 * Reads lines "assignor topic=count,... member=base64 ..." with members' subscriptions; divides the partitions and prints "member=assignment,userdata ...", both base64: the
 * second is what the member's assignor adds to its next subscription, in generation 5.
 */
public class StickyJudge {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Base64.Encoder base64 = Base64.getEncoder();
        String line;
        while ((line = in.readLine()) != null) {
            String[] parts = line.split(" ");
            Map<String, Integer> counts = new HashMap<>();
            for (String topic : parts[1].split(",")) counts.put(topic.split("=")[0], Integer.parseInt(topic.split("=")[1]));
            Map<String, Subscription> subscriptions = new TreeMap<>();
            for (String member : Arrays.copyOfRange(parts, 2, parts.length)) {
                String[] pair = member.split("=", 2);
                subscriptions.put(pair[0], ConsumerProtocol.deserializeSubscription(ByteBuffer.wrap(Base64.getDecoder().decode(pair[1]))));
            }
            StringBuilder out = new StringBuilder();
            for (Map.Entry<String, List<TopicPartition>> share : assignor(parts[0]).assign(counts, subscriptions).entrySet()) {
                Assignment assignment = new Assignment(share.getValue());
                AbstractStickyAssignor mine = assignor(parts[0]);
                mine.onAssignment(assignment, new ConsumerGroupMetadata("g", 5, share.getKey(), java.util.Optional.empty()));
                ByteBuffer userData = mine.subscriptionUserData(Set.of());
                out.append(share.getKey()).append('=').append(base64.encodeToString(Utils.toArray(ConsumerProtocol.serializeAssignment(assignment))))
                    .append(',').append(base64.encodeToString(Utils.toArray(userData))).append(' ');
            }
            System.out.println(out);
        }
    }

    private static AbstractStickyAssignor assignor(String name) {
        return name.equals("sticky") ? new StickyAssignor() : new CooperativeStickyAssignor();
    }
}
