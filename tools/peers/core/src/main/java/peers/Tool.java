package peers;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What the benchmark does with a broker, whose address is the first argument. Then one of:
 *
 * create PARTITIONS TOPIC...
 * delete PREFIX...                                            topics whose names begin so
 * bytes TOPIC                                                 its size on the broker's disk
 * generate COUNT SEED IMPRESSIONS ENGAGEMENTS FILE            hours of input, and in the file what must come of it
 * fill COUNT SEED IMPRESSIONS                                 impressions whose windows stay open
 * probe IMPRESSIONS                                           one more in every partition
 * follow GROUP TOPIC                                          until the group has committed what is there now
 * check FILE TOPIC                                            whether the rows are those that must come
 * pace RATE WARM_SECONDS SECONDS WINDOW_MS HOLD_MS final|updates IMPRESSIONS ENGAGEMENTS OUTCOMES
 */
public final class Tool {
    private static final long START_MS = 1_767_225_600_000L; /* 2026-01-01: event time of generated input */
    private static final double HOUR_STEP_MS = 3.6; /* 1,000,000 impressions an hour */
    private static final int HOUR_FLUSH_MS = 7_200_000;
    private static final int FILL_MS = 60_000;

    public static void main(String[] a) throws Exception {
        String bootstrap = a[0];
        List<String> rest = Arrays.asList(a).subList(2, a.length);
        boolean ok = switch (a[1]) {
            case "create" -> create(bootstrap, number(rest, 0), rest.subList(1, rest.size()));
            case "delete" -> delete(bootstrap, rest);
            case "bytes" -> bytes(bootstrap, rest.get(0));
            case "generate" -> generate(bootstrap, rest);
            case "fill" -> fill(bootstrap, rest);
            case "probe" -> probe(bootstrap, rest.get(0));
            case "follow" -> follow(bootstrap, rest.get(0), rest.get(1));
            case "check" -> check(bootstrap, rest.get(0), rest.get(1));
            case "pace" -> pace(bootstrap, rest);
            default -> throw new IllegalArgumentException(a[1]);
        };
        System.exit(ok ? 0 : 1);
    }

    private static int number(List<String> arguments, int at) {
        return Integer.parseInt(arguments.get(at));
    }

    private static Admin admin(String bootstrap) {
        return Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    private static boolean create(String bootstrap, int partitions, List<String> topics) throws Exception {
        try (Admin admin = admin(bootstrap)) {
            admin.createTopics(topics.stream()
                    .map(t -> new NewTopic(t, partitions, (short) 1).configs(Map.of("retention.ms", "-1")))
                    .toList()).all().get();
        }
        return true;
    }

    private static boolean delete(String bootstrap, List<String> prefixes) throws Exception {
        try (Admin admin = admin(bootstrap)) {
            Set<String> gone = admin.listTopics().names().get().stream()
                    .filter(t -> prefixes.stream().anyMatch(t::startsWith)).collect(Collectors.toSet());
            admin.deleteTopics(gone).all().get();
        }
        return true;
    }

    private static boolean bytes(String bootstrap, String topic) throws Exception {
        try (Admin admin = admin(bootstrap)) {
            var brokers = admin.describeCluster().nodes().get().stream().map(n -> n.id()).toList();
            System.out.println(admin.describeLogDirs(brokers).allDescriptions().get().values().stream()
                    .flatMap(d -> d.values().stream()).flatMap(d -> d.replicaInfos().entrySet().stream())
                    .filter(e -> e.getKey().topic().equals(topic)).mapToLong(e -> e.getValue().size()).sum());
        }
        return true;
    }

    private static KafkaProducer<byte[], byte[]> producer(String bootstrap, int lingerMs) {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "acks", "1", "linger.ms", lingerMs,
                "batch.size", 1 << 18, "buffer.memory", 1L << 28);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static boolean generate(String bootstrap, List<String> a) throws Exception {
        try (var producer = producer(bootstrap, 20)) {
            Feed feed = new Feed(producer, a.get(2), a.get(3), Long.parseLong(a.get(1)),
                    new Feed.Shape(START_MS, HOUR_STEP_MS, 2_000, 90_000, OpenImpression.WINDOW_MS));
            feed.send(Long.MAX_VALUE, number(a, 0));
            feed.finish(HOUR_FLUSH_MS);
            feed.expected().store(Path.of(a.get(4)));
            System.out.println(feed.expected().json(""));
        }
        return true;
    }

    /** Impressions of one minute that nobody engages with: all are open at its end. */
    private static boolean fill(String bootstrap, List<String> a) {
        try (var producer = producer(bootstrap, 20)) {
            int count = number(a, 0);
            new Feed(producer, a.get(2), null, Long.parseLong(a.get(1)),
                    new Feed.Shape(START_MS, (double) FILL_MS / count, 0, 0, 0)).send(Long.MAX_VALUE, count);
        }
        return true;
    }

    private static boolean probe(String bootstrap, String impressions) {
        try (var producer = producer(bootstrap, 0)) {
            new Feed(producer, impressions, null, System.nanoTime(), new Feed.Shape(START_MS, 1, 0, 0, 0))
                    .probe(START_MS + FILL_MS + 1_000);
        }
        return true;
    }

    /** Says "ready"; then "done" as soon as the group has committed all that is in the topic now. */
    private static boolean follow(String bootstrap, String group, String topic) throws Exception {
        try (Admin admin = admin(bootstrap)) {
            Map<TopicPartition, Long> ends = ends(admin, topic);
            System.out.println("ready");
            while (!ends.entrySet().stream().allMatch(e -> e.getValue() <= position(admin, group, e.getKey())))
                Thread.sleep(10);
            System.out.println("done");
        }
        return true;
    }

    private static Map<TopicPartition, Long> ends(Admin admin, String topic) throws Exception {
        var partitions = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().stream()
                .map(p -> new TopicPartition(topic, p.partition()))
                .collect(Collectors.toMap(Function.identity(), p -> OffsetSpec.latest()));
        return admin.listOffsets(partitions).all().get().entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, (Map.Entry<TopicPartition, ListOffsetsResultInfo> e) ->
                        e.getValue().offset()));
    }

    private static long position(Admin admin, String group, TopicPartition partition) {
        try {
            OffsetAndMetadata at = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get()
                    .get(partition);
            return at == null ? -1 : at.offset();
        } catch (Exception e) { /* there is no such group yet */
            return -1;
        }
    }

    private static boolean check(String bootstrap, String file, String topic) {
        try (Rows rows = new Rows(bootstrap, topic)) {
            return rows.check(Expected.load(Path.of(file)));
        }
    }

    private static boolean pace(String bootstrap, List<String> a) throws Exception {
        Pace.Plan plan = new Pace.Plan(number(a, 0), number(a, 1), number(a, 2), number(a, 3), number(a, 4),
                a.get(5).equals("updates"));
        try (var producer = producer(bootstrap, 5); Rows rows = new Rows(bootstrap, a.get(8))) {
            return new Pace(plan, producer, a.get(6), a.get(7), rows).run();
        }
    }
}
