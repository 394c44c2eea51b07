package peers;

import isotope.outcome;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** The outcomes as a read_committed reader sees them. */
final class Rows implements AutoCloseable {
    private final Codec<outcome> outcomes = new Codec<>(outcome.class, outcome.getClassSchema());
    private final KafkaConsumer<byte[], byte[]> consumer;

    Rows(String bootstrap, String topic) {
        consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed",
                "max.poll.records", 10_000, "max.partition.fetch.bytes", 4 << 20, "enable.auto.commit", false,
                "auto.offset.reset", "earliest"),
                new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.assign(IntStream.range(0, consumer.partitionsFor(topic).size())
                .mapToObj(p -> new TopicPartition(topic, p)).toList());
    }

    ConsumerRecords<byte[], byte[]> poll(int ms) {
        return consumer.poll(Duration.ofMillis(ms));
    }

    /** The row, or null where it is one that does not count. */
    outcome decode(ConsumerRecord<byte[], byte[]> r) {
        String key = new String(r.key(), StandardCharsets.UTF_8);
        if (key.startsWith("flush-"))
            return null;
        outcome row = outcomes.decode(r.value());
        if (!key.equals(row.getImpressionId()))
            throw new IllegalStateException("the key " + key + " is not " + row.getImpressionId());
        return row;
    }

    /** Whether the rows up to the present end are those of `expected`, each once. Says so on standard output. */
    boolean check(Expected expected) {
        Expected got = new Expected();
        long[] ids = new long[(int) expected.rows + 1024];
        Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
        while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
            for (ConsumerRecord<byte[], byte[]> r : poll(200)) {
                outcome row = decode(r);
                if (row == null)
                    continue;
                if (got.rows < ids.length)
                    ids[(int) got.rows] = Long.parseUnsignedLong(row.getImpressionId().substring(0, 16), 16);
                got.add(row.getEngaged(), row.getNEngagements(), r.value());
            }
        }
        int rows = (int) Math.min(got.rows, ids.length);
        Arrays.sort(ids, 0, rows);
        long distinct = IntStream.range(0, rows).filter(i -> i == 0 || ids[i] != ids[i - 1]).count();
        boolean ok = got.sameAs(expected) && distinct == expected.rows;
        got.events = expected.events;
        System.out.println(got.json(", \"distinct\": " + distinct + ", \"ok\": " + ok));
        return ok;
    }

    @Override
    public void close() {
        consumer.close();
    }
}
