import org.apache.kafka.connect.runtime.ConnectMetricsRegistry;

/** Prints group, a space and the name of each metric that Kafka Connect has. */
public class MetricNames {
    public static void main(String[] args) {
        new ConnectMetricsRegistry().getAllTemplates().forEach(it -> System.out.println(it.group() + " " + it.name()));
    }
}
