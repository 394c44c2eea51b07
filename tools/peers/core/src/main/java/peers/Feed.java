package peers;

import isotope.action;
import isotope.engagement;
import isotope.explore_kind;
import isotope.impression;
import isotope.outcome;
import isotope.source;
import java.nio.charset.StandardCharsets;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.utils.Utils;

/**
 * Writes the two input topics in rough event-time order and works out, on its own, what the join must give. 30 % of the
 * impressions have 1 to 3 engagements; 1 % of the engagements belong to no impression, 1 % come twice.
 */
final class Feed {
    static final double EVENTS_PER_IMPRESSION = 1.459;
    private static final int REPEAT_MS = 500; /* a repeated engagement comes so much later */
    private static final String[] SURFACES = {"home", "search", "player", "profile"};
    private static final String[] GROUPS = {"control", "treatment-a", "treatment-b"};
    private static final String[] STRATEGIES = {"two-tower", "trending", "followed-artists", "cold-start-explore"};
    private static final String[] PLATFORMS = {"ios", "android", "web"};

    /**
     * An impression every stepMs of event time; events come, and shown_at is, up to jitterMs off. The delay of an
     * engagement is exponential. delayMsMax of 0: nobody engages.
     */
    record Shape(long startMs, double stepMs, int jitterMs, double delayMeanMs, long delayMsMax) {}

    private record Pending(long emitAt, long order, long timestamp, byte[] key, byte[] value) {}

    private final Shape shape;
    private final SplittableRandom random;
    private final KafkaProducer<byte[], byte[]> producer;
    private final String impressionTopic;
    private final String engagementTopic;
    private final PriorityQueue<Pending> pending = new PriorityQueue<>(
            (a, b) -> a.emitAt != b.emitAt ? Long.compare(a.emitAt, b.emitAt) : Long.compare(a.order, b.order));
    private final Codec<impression> impressions = new Codec<>(impression.class, impression.getClassSchema());
    private final Codec<engagement> engagements = new Codec<>(engagement.class, engagement.getClassSchema());
    private final Codec<outcome> outcomes = new Codec<>(outcome.class, outcome.getClassSchema());
    private final Expected expected = new Expected();
    private long order;
    private long made;

    Feed(KafkaProducer<byte[], byte[]> producer, String impressionTopic, String engagementTopic, long seed,
            Shape shape) {
        this.producer = producer;
        this.impressionTopic = impressionTopic;
        this.engagementTopic = engagementTopic;
        this.random = new SplittableRandom(seed);
        this.shape = shape;
    }

    /** What the join must give of all that was sent so far. */
    Expected expected() {
        return expected;
    }

    /** Sends what is due until `clock` of event time, with at most `count` impressions in all. */
    void send(long clock, long count) {
        for (; made < count; made++) {
            long at = shape.startMs + (long) (made * shape.stepMs);
            if (at > clock)
                break;
            emitUntil(at);
            show(at);
        }
        emitUntil(clock);
    }

    /**
     * Sends what is still waiting, then one impression and one engagement per partition that are aheadMs ahead, so that
     * every window closes. Rows of ids that begin with "flush-" do not count.
     */
    void finish(long aheadMs) {
        emitUntil(Long.MAX_VALUE);
        long at = shape.startMs + (long) (made * shape.stepMs) + aheadMs;
        int partitions = producer.partitionsFor(impressionTopic).size();
        for (int p = 0; p < partitions; p++) {
            String id = idIn("flush-", 0, p, partitions);
            send(engagementTopic, at, utf8(id), engagements.encode(engagement(id, "flush", "flush", at)));
            send(impressionTopic, at, utf8(id), impressions.encode(impression(id, at)));
        }
        producer.flush();
    }

    /** One impression of its own in every partition. */
    void probe(long at) {
        int partitions = producer.partitionsFor(impressionTopic).size();
        for (int p = 0; p < partitions; p++) {
            String id = idIn("probe-", System.nanoTime(), p, partitions);
            send(impressionTopic, at, utf8(id), impressions.encode(impression(id, at)));
        }
        producer.flush();
    }

    private void show(long at) {
        int jitter = shape.jitterMs == 0 ? 0 : random.nextInt(-shape.jitterMs, shape.jitterMs + 1);
        impression shown = impression(hex(32), at + jitter);
        send(impressionTopic, shown.getShownAt(), utf8(shown.getImpressionId()), impressions.encode(shown));
        outcome row = OpenImpression.outcome(shown);
        if (shape.delayMsMax > 0 && random.nextInt(10) < 3)
            engage(shown, row);
        expected.add(row.getEngaged(), row.getNEngagements(), outcomes.encode(row));
    }

    private void engage(impression shown, outcome row) {
        double draw = random.nextDouble();
        int count = draw < 0.62 ? 1 : draw < 0.88 ? 2 : 3; /* 1.5 on average */
        engagement watched = null;
        for (int i = 0; i < count; i++) {
            engagement e = engagement(shown.getImpressionId(), shown.getUserIdToken(), shown.getItemId(),
                    shown.getShownAt() + delay());
            queue(e);
            if (random.nextInt(100) == 0)
                queue(engagement(hex(32), shown.getUserIdToken(), shown.getItemId(), e.getOccurredAt()));
            fold(e, row);
            if (e.getWatchedSeconds() != null && (watched == null || e.getOccurredAt() > watched.getOccurredAt()
                    || e.getOccurredAt() == watched.getOccurredAt()
                    && e.getEngagementId().compareTo(watched.getEngagementId()) > 0))
                watched = e;
        }
        if (watched == null)
            return;
        double seconds = watched.getWatchedSeconds();
        row.setWatchedSeconds(seconds);
        row.setCompleted(shown.getDurationSeconds() != null && seconds >= 0.95 * shown.getDurationSeconds());
        row.setSkipped(row.getSkipped() || seconds > 0 && seconds < 1);
    }

    /** (Written apart from the jobs' own, which it is there to check.) */
    private static void fold(engagement e, outcome row) {
        switch (e.getAction()) {
            case view -> row.setViewed(true);
            case click -> row.setClicked(true);
            case like -> row.setLiked(true);
            case share -> row.setShared(true);
            case comment -> row.setCommented(true);
            case follow -> row.setFollowed(true);
            case purchase -> row.setPurchased(true);
            case watch -> { }
            case skip -> row.setSkipped(true);
        }
        if (e.getAction() != action.skip)
            row.setEngaged(true);
        row.setNEngagements(row.getNEngagements() + 1);
        Long first = row.getFirstEngagedAt(), last = row.getLastEngagedAt();
        row.setFirstEngagedAt(first == null ? e.getOccurredAt() : Math.min(first, e.getOccurredAt()));
        row.setLastEngagedAt(last == null ? e.getOccurredAt() : Math.max(last, e.getOccurredAt()));
    }

    private long delay() {
        long ms;
        do
            ms = Math.min(200, shape.delayMsMax) + (long) (-shape.delayMeanMs * Math.log(1 - random.nextDouble()));
        while (ms > shape.delayMsMax);
        return ms;
    }

    private void queue(engagement e) {
        byte[] key = utf8(e.getImpressionId());
        byte[] value = engagements.encode(e);
        int jitter = shape.jitterMs == 0 ? 0 : random.nextInt(-shape.jitterMs, shape.jitterMs + 1);
        long emitAt = e.getOccurredAt() + jitter;
        pending.add(new Pending(emitAt, order++, e.getOccurredAt(), key, value));
        if (random.nextInt(100) == 0)
            pending.add(new Pending(emitAt + REPEAT_MS, order++, e.getOccurredAt(), key, value));
    }

    private void emitUntil(long clock) {
        while (!pending.isEmpty() && pending.peek().emitAt <= clock) {
            Pending p = pending.poll();
            send(engagementTopic, p.timestamp, p.key, p.value);
        }
    }

    private void send(String topic, long timestamp, byte[] key, byte[] value) {
        expected.events++;
        producer.send(new ProducerRecord<>(topic, null, timestamp, key, value));
    }

    private static String idIn(String prefix, long first, int partition, int partitions) {
        for (long nonce = first; ; nonce++) {
            String id = prefix + String.format("%026d", nonce);
            if (Utils.toPositive(Utils.murmur2(utf8(id))) % partitions == partition)
                return id;
        }
    }

    private impression impression(String id, long shownAt) {
        int draw = random.nextInt(20);
        source source = draw < 18 ? isotope.source.ranked : draw == 18 ? isotope.source.exploration
                : isotope.source.cold_start;
        return new impression(id, "r_" + hex(16), "u_" + hex(22), "item-" + random.nextInt(50_000), pick(SURFACES),
                random.nextInt(20), shownAt, source,
                draw == 18 ? explore_kind.uniform_random : explore_kind.none, "ranker-2026.11.3", pick(GROUPS),
                pick(STRATEGIES), "c" + random.nextInt(200), "creator-" + random.nextInt(5_000), pick(PLATFORMS),
                random.nextInt(5, 120) * 1.0, 0.01 + 0.99 * random.nextDouble(), 1.0);
    }

    private engagement engagement(String impression, String user, String item, long occurredAt) {
        action[] actions = action.values();
        action action = actions[random.nextInt(actions.length)];
        boolean watched = action == isotope.action.view || action == isotope.action.watch;
        return new engagement(hex(32), impression, user, item, action,
                watched ? random.nextInt(0, 120_000) / 1000.0 : null, null, occurredAt);
    }

    private String pick(String[] of) {
        return of[random.nextInt(of.length)];
    }

    private String hex(int digits) {
        byte[] text = new byte[digits];
        long bits = 0;
        for (int i = 0; i < digits; i++) {
            if (i % 16 == 0)
                bits = random.nextLong();
            text[i] = (byte) "0123456789abcdef".charAt((int) (bits & 15));
            bits >>>= 4;
        }
        return new String(text, StandardCharsets.ISO_8859_1);
    }

    private static byte[] utf8(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }
}
