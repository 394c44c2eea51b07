package peers;

import isotope.outcome;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;

/**
 * Feeds a job that runs at so many events a second, event time being wall time, and reads its rows as they become
 * visible. An event's time is when it was due to be sent, so a feeder that is held up counts as latency.
 *
 * The latency of a final row: when it is read, less when it was due, which is shown_at + holdMs: then an event was sent
 * that lets it out. That of a provisional row: when it is read, less the time of the event that it tells of.
 *
 * Marks on standard output, one JSON object a line: "warm" when what is measured begins, "fed" when it ends, and the
 * result, when all rows were read or END_MS_MAX have passed. How long that took after the end is drain_ms: more than a
 * moment means that the job did not keep up.
 */
final class Pace {
    private static final int FLUSH_MS = 30_000;
    private static final int END_MS_MAX = 60_000;
    private static final int LATENCY_MS_MAX = 120_000;
    private static final byte FIRST_REVISION = 2, FINAL = 1; /* as Avro writes the last two fields of an outcome */

    record Plan(int rate, int warmSeconds, int seconds, long windowMs, long holdMs, boolean updates) {}

    private final Plan plan;
    private final Feed feed;
    private final Rows rows;
    private final long startMs;
    private final Expected got = new Expected();
    private final Map<Long, Long> lastHashes = new HashMap<>(); /* of provisional rows, by impression */
    private long lastHash; /* all of them */
    private final int[] latencies = new int[LATENCY_MS_MAX + 1]; /* how many, by ms */
    private long sampled;
    private volatile boolean fed;

    Pace(Plan plan, KafkaProducer<byte[], byte[]> producer, String impressions, String engagements, Rows rows) {
        this.plan = plan;
        this.rows = rows;
        startMs = System.currentTimeMillis();
        feed = new Feed(producer, impressions, engagements, startMs, new Feed.Shape(startMs,
                1000 * Feed.EVENTS_PER_IMPRESSION / plan.rate, 0, (double) plan.windowMs / 5, plan.windowMs));
    }

    /** Whether all rows came. */
    boolean run() throws InterruptedException {
        Thread feeder = new Thread(this::feedAll);
        feeder.setDaemon(true);
        feeder.start();
        long fedMs = 0, now;
        boolean ok = false;
        do {
            var batch = rows.poll(10);
            now = System.currentTimeMillis();
            for (ConsumerRecord<byte[], byte[]> r : batch)
                note(r, now);
            if (fed) {
                fedMs = fedMs == 0 ? now : fedMs;
                ok = complete();
            }
        } while (!ok && (fedMs == 0 || now < fedMs + END_MS_MAX));
        feeder.join();
        System.out.println(got.json(String.format(", \"wanted_rows\": %d, \"wanted_engagements\": %d, "
                + "\"ok\": %b, \"sampled\": %d, \"p50_ms\": %d, \"p99_ms\": %d, \"max_ms\": %d, \"drain_ms\": %d",
                feed.expected().rows, feed.expected().engagements, ok, sampled, quantile(0.5), quantile(0.99),
                quantile(1), now - endMs())));
        return ok;
    }

    private void feedAll() {
        mark("start");
        feedUntil(startMs + 1000L * plan.warmSeconds);
        mark("warm");
        feedUntil(endMs());
        mark("fed");
        feed.finish(FLUSH_MS);
        fed = true;
    }

    private long endMs() {
        return startMs + 1000L * (plan.warmSeconds + plan.seconds);
    }

    private void feedUntil(long until) {
        try {
            for (long now; (now = System.currentTimeMillis()) < until; Thread.sleep(1))
                feed.send(now, Long.MAX_VALUE);
            feed.send(until, Long.MAX_VALUE);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void mark(String name) {
        System.out.printf("{\"mark\": \"%s\", \"events\": %d}%n", name, feed.expected().events);
        System.out.flush();
    }

    private void note(ConsumerRecord<byte[], byte[]> r, long now) {
        outcome row = rows.decode(r);
        if (row == null)
            return;
        if (row.getFinal$() == plan.updates)
            throw new IllegalStateException("a row that is not of the kind that was asked for: " + row);
        got.add(row.getEngaged(), row.getNEngagements(), r.value());
        if (plan.updates)
            keepLast(row, r.value());
        Long engaged = row.getLastEngagedAt();
        long due = !plan.updates ? row.getShownAt() + plan.holdMs
                : engaged == null ? row.getShownAt() : Math.max(row.getShownAt(), engaged);
        if (due < startMs + 1000L * plan.warmSeconds || due >= endMs())
            return;
        latencies[(int) Math.max(0, Math.min(now - due, LATENCY_MS_MAX))]++;
        sampled++;
    }

    private void keepLast(outcome row, byte[] value) {
        byte[] last = value.clone();
        last[last.length - 2] = FIRST_REVISION;
        last[last.length - 1] = FINAL;
        long hash = Expected.hashOf(last);
        Long before = lastHashes.put(Long.parseUnsignedLong(row.getImpressionId().substring(0, 16), 16), hash);
        lastHash += hash - (before == null ? 0 : before);
    }

    /**
     * Of provisional rows the last of each impression is the final one but for revision and final. There are no more
     * than events that change an outcome; fewer, where an engagement was taken before its impression.
     */
    private boolean complete() {
        Expected wanted = feed.expected();
        if (!plan.updates)
            return got.sameAs(wanted);
        return lastHashes.size() == wanted.rows && lastHash == wanted.hash
                && got.rows <= wanted.rows + wanted.engagements;
    }

    private int quantile(double part) {
        long left = (long) Math.ceil(part * sampled);
        int ms = 0;
        while (ms < LATENCY_MS_MAX && (left -= latencies[ms]) > 0)
            ms++;
        return sampled == 0 ? -1 : ms;
    }
}
