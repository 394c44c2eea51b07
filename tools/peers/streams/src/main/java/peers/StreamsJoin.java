package peers;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.BytesDeserializer;
import org.apache.kafka.common.serialization.BytesSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.apache.kafka.streams.state.Stores;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Options;

/**
 * The join on Kafka Streams' Processor API: one RocksDB store (with changelog) keyed by impression_id. The timers are
 * a queue in memory, rebuilt from the store when a task starts, so they cost no second store and no second changelog.
 */
public final class StreamsJoin {
    public static void main(String[] args) throws Exception {
        JobOptions o = new JobOptions(args, Map.of("commit-ms", "100", "close-ms", "1000", "store", "rocksdb",
                "window-ms", Long.toString(OpenImpression.WINDOW_MS),
                "grace-ms", Long.toString(OpenImpression.GRACE_MS)));

        int partitions;
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", o.text("bootstrap")))) {
            partitions = admin.describeTopics(List.of(o.text("impressions"))).allTopicNames().get()
                    .get(o.text("impressions")).partitions().size();
        }
        CountDownLatch flushed = new CountDownLatch(partitions);

        var supplier = o.text("store").equals("rocksdb") ? Stores.persistentKeyValueStore("open")
                : Stores.inMemoryKeyValueStore("open");
        var stores = Stores.keyValueStoreBuilder(supplier, Serdes.Bytes(), Serdes.ByteArray())
                .withLoggingEnabled(Map.of());
        Topology topology = new Topology();
        topology.addSource("impressions", new BytesDeserializer(), new ByteArrayDeserializer(), o.text("impressions"))
                .addSource("engagements", new BytesDeserializer(), new ByteArrayDeserializer(), o.text("engagements"))
                .addProcessor("join", () -> new Join(o, flushed), "impressions", "engagements")
                .addStateStore(stores, "join")
                .addSink("outcomes", o.text("output"), new BytesSerializer(), new ByteArraySerializer(), "join");

        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, "job-" + o.text("output"));
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, o.text("bootstrap"));
        p.put(StreamsConfig.STATE_DIR_CONFIG, o.text("dir"));
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, o.text("commit-ms"));
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        p.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksTuning.class);
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        p.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 1 << 17);
        o.forEachSetting(p::put);

        KafkaStreams streams = new KafkaStreams(topology, p);
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        flushed.await();
        if (!streams.close(Duration.ofSeconds(60))) /* commits what is left */
            System.exit(1);
    }

    private record Timer(long at, Bytes key) implements Comparable<Timer> {
        public int compareTo(Timer o) {
            return Long.compare(at, o.at);
        }
    }

    private static final class Join implements Processor<Bytes, byte[], Bytes, byte[]> {
        private static final byte[] FLUSH = "flush-".getBytes();
        private final CountDownLatch flushed;
        private final long windowMs, graceMs, closeMs;
        private final OpenImpression open;
        private final PriorityQueue<Timer> timers = new PriorityQueue<>();
        private ProcessorContext<Bytes, byte[]> context;
        private KeyValueStore<Bytes, byte[]> store;

        Join(JobOptions o, CountDownLatch flushed) {
            this.flushed = flushed;
            windowMs = o.number("window-ms");
            graceMs = o.number("grace-ms");
            closeMs = o.number("close-ms");
            open = new OpenImpression(windowMs);
        }

        @Override
        public void init(ProcessorContext<Bytes, byte[]> context) {
            this.context = context;
            store = context.getStateStore("open");
            try (KeyValueIterator<Bytes, byte[]> all = store.all()) {
                all.forEachRemaining(e -> timers.add(new Timer(OpenImpression.deadline(e.value), e.key)));
            }
            context.schedule(Duration.ofMillis(closeMs), PunctuationType.STREAM_TIME, this::closeUntil);
        }

        @Override
        public void process(Record<Bytes, byte[]> record) {
            byte[] message = record.value();
            boolean impression = open.isImpression(message);
            long deadline = record.timestamp() + windowMs + graceMs;
            byte[] state = store.get(record.key());
            if (state == null || impression) /* what comes before its impression waits as long as it may need */
                timers.add(new Timer(deadline, record.key()));
            if (state == null)
                store.put(record.key(), OpenImpression.start(deadline, message));
            else
                store.put(record.key(), OpenImpression.append(state,
                        impression ? deadline : OpenImpression.deadline(state), message));
            if (impression && startsWith(record.key().get(), FLUSH)) { /* the input's end */
                closeUntil(record.timestamp());
                flushed.countDown();
            }
        }

        private void closeUntil(long streamTime) {
            while (!timers.isEmpty() && timers.peek().at < streamTime) {
                Timer timer = timers.poll();
                byte[] state = store.delete(timer.key);
                if (state == null)
                    continue;
                if (OpenImpression.deadline(state) > timer.at) {
                    store.put(timer.key, state);
                    continue;
                }
                byte[] outcome = open.close(OpenImpression.messages(state));
                if (outcome != null)
                    context.forward(new Record<>(timer.key, outcome, timer.at - windowMs - graceMs));
            }
        }

        private static boolean startsWith(byte[] bytes, byte[] prefix) {
            return bytes.length >= prefix.length
                    && Arrays.equals(bytes, 0, prefix.length, prefix, 0, prefix.length);
        }
    }

    public static final class RocksTuning implements RocksDBConfigSetter {
        @Override
        public void setConfig(String store, Options options, Map<String, Object> configs) {
            options.setWriteBufferSize(32L << 20);
            BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
            table.setFilterPolicy(new BloomFilter(10, false));
            options.setTableFormatConfig(table);
        }

        @Override
        public void close(String store, Options options) {
        }
    }
}
