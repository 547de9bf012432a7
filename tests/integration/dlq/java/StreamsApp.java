import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;

/** Reads integers from a topic; fails on one below 0. Arguments: brokers, topic, properties file. */
public class StreamsApp {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.load(Files.newBufferedReader(Path.of(arguments[2])));
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("application.id", "streams-app");
        settings.put("state.dir", arguments[2] + ".state");
        settings.put("auto.offset.reset", "earliest");
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(arguments[1], Consumed.with(Serdes.ByteArray(), Serdes.Integer())).foreach((key, value) -> {
            if (value < 0) throw new IllegalStateException("below 0");
            System.out.println("done " + value);
        });
        new KafkaStreams(builder.build(), settings).start();
    }
}
