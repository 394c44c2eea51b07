package peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

/** Figures of a set of outcome rows that do not depend on their order: the feed's own, or of what a job wrote. */
final class Expected {
    long rows;
    long engaged;
    long engagements;
    long events;
    long hash;

    void add(boolean engaged, int engagements, byte[] outcome) {
        rows++;
        this.engaged += engaged ? 1 : 0;
        this.engagements += engagements;
        hash += hashOf(outcome);
    }

    static long hashOf(byte[] outcome) {
        long h = 0xcbf29ce484222325L; /* FNV-1a */
        for (byte b : outcome)
            h = (h ^ (b & 0xff)) * 0x100000001b3L;
        return h ^ (h >>> 32);
    }

    boolean sameAs(Expected o) {
        return rows == o.rows && engaged == o.engaged && engagements == o.engagements && hash == o.hash;
    }

    String json(String more) {
        return String.format("{\"rows\": %d, \"engaged\": %d, \"engagements\": %d, \"events\": %d, "
                + "\"hash\": \"%016x\"%s}", rows, engaged, engagements, events, hash, more);
    }

    void store(Path file) throws IOException {
        Properties p = new Properties();
        p.setProperty("rows", Long.toString(rows));
        p.setProperty("engaged", Long.toString(engaged));
        p.setProperty("engagements", Long.toString(engagements));
        p.setProperty("events", Long.toString(events));
        p.setProperty("hash", Long.toHexString(hash));
        try (var out = Files.newBufferedWriter(file)) {
            p.store(out, null);
        }
    }

    static Expected load(Path file) {
        Properties p = new Properties();
        try (var in = Files.newBufferedReader(file)) {
            p.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Expected e = new Expected();
        e.rows = Long.parseLong(p.getProperty("rows"));
        e.engaged = Long.parseLong(p.getProperty("engaged"));
        e.engagements = Long.parseLong(p.getProperty("engagements"));
        e.events = Long.parseLong(p.getProperty("events"));
        e.hash = Long.parseUnsignedLong(p.getProperty("hash"), 16);
        return e;
    }
}
