import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/** Apache Kafka's tables: `error CODE NAME RETRIABLE` and `api KEY OLDEST LATEST-STABLE HEADERS`, the header versions of each version joined by commas. */
public class KafkaTables {
    public static void main(String[] args) {
        for (Errors error : Errors.values()) {
            System.out.println("error " + error.code() + " " + error.name() + " " + (error.exception() instanceof RetriableException));
        }
        for (ApiKeys api : ApiKeys.values()) {
            if (api.hasValidVersion()) {
                short latest = api.latestVersion(false);
                StringBuilder headers = new StringBuilder();
                for (short version = api.oldestVersion(); version <= latest; version++) {
                    headers.append(version == api.oldestVersion() ? "" : ",").append(api.requestHeaderVersion(version)).append('/').append(api.responseHeaderVersion(version));
                }
                System.out.println("api " + api.id + " " + api.oldestVersion() + " " + latest + " " + headers);
            }
        }
    }
}
