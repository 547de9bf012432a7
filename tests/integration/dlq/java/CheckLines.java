import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;

/** Says what a class of settings thinks of a properties file: a line for each key that is unknown or has a wrong value. */
public class CheckLines {
    public static void main(String[] arguments) throws Exception {
        ConfigDef known = (ConfigDef) Class.forName(arguments[0]).getMethod("configDef").invoke(null);
        Properties file = new Properties();
        file.load(Files.newBufferedReader(Path.of(arguments[1])));
        Map<String, String> values = new TreeMap<>();
        file.stringPropertyNames().forEach(key -> values.put(key, file.getProperty(key)));
        for (String key : values.keySet()) {
            if (!known.names().contains(key)) System.out.println(key + ": unknown");
        }
        for (ConfigValue value : known.validate(values)) {
            if (values.containsKey(value.name()) && !value.errorMessages().isEmpty()) {
                System.out.println(value.name() + ": " + value.errorMessages());
            }
        }
    }
}
