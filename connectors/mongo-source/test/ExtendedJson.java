import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.HexFormat;
import org.bson.BsonDocument;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;

/** What MongoDB's Java driver makes of documents (a line of hex each) in Debezium's styles: a line each for strict, extended, relaxed, and relaxed with spaces. */
public class ExtendedJson {
    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            BsonDocument document = new RawBsonDocument(HexFormat.of().parseHex(line)).decode(new BsonDocumentCodec());
            for (JsonMode mode : new JsonMode[] { JsonMode.STRICT, JsonMode.EXTENDED, JsonMode.RELAXED }) {
                out.println(document.toJson(JsonWriterSettings.builder().outputMode(mode).indent(true).indentCharacters("").newLineCharacters("").build()));
            }
            out.println(document.toJson());
        }
        out.flush();
    }
}
