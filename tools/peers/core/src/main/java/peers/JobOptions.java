package peers;

import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;

/** A job's command line: --name value ..., and --conf.NAME VALUE for any setting of the system that it runs on. */
public final class JobOptions {
    private static final String CONF = "conf.";
    private final Map<String, String> values;

    public JobOptions(String[] arguments, Map<String, String> defaults) {
        values = new HashMap<>(defaults);
        for (int i = 0; i < arguments.length; i += 2)
            values.put(arguments[i].substring(2), arguments[i + 1]);
    }

    public boolean has(String name) {
        return values.containsKey(name);
    }

    public String text(String name) {
        if (!has(name))
            throw new IllegalArgumentException("--" + name + " is missing");
        return values.get(name);
    }

    public long number(String name) {
        return Long.parseLong(text(name));
    }

    public void forEachSetting(BiConsumer<String, String> take) {
        values.forEach((name, value) -> {
            if (name.startsWith(CONF))
                take.accept(name.substring(CONF.length()), value);
        });
    }
}
