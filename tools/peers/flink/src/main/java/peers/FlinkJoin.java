package peers;

import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.typeutils.TupleTypeInfo;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.co.KeyedCoProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The join as a Flink job in a MiniCluster: two Kafka sources, bounded unless it is live, a keyed co-process function
 * with one ValueState and event-time timers, an exactly-once Kafka sink. Records travel undecoded (key, message), as in
 * the other jobs.
 */
public final class FlinkJoin {
    private static final TypeInformation<Tuple2<String, byte[]>> RAW = new TupleTypeInfo<>(Types.STRING,
            PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);

    public static void main(String[] args) throws Exception {
        JobOptions o = new JobOptions(args, Map.of("backend", "rocksdb", "parallelism", "1", "checkpoint-ms", "1000",
                "watermark-ms", "200", "live", "false", "restore", "",
                "window-ms", Long.toString(OpenImpression.WINDOW_MS),
                "grace-ms", Long.toString(OpenImpression.GRACE_MS)));

        Configuration c = new Configuration();
        c.setString("state.backend.type", o.text("backend"));
        c.setString("state.backend.rocksdb.timer-service.factory", "ROCKSDB");
        c.setString("state.backend.rocksdb.use-bloom-filter", "true");
        c.setString("state.backend.rocksdb.compression.per.level", "NO_COMPRESSION");
        c.setString("execution.checkpointing.incremental", "true");
        c.setString("execution.checkpointing.interval", o.text("checkpoint-ms") + "ms");
        c.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
        c.setString("execution.checkpointing.storage", "filesystem");
        c.setString("execution.checkpointing.dir", "file://" + o.text("checkpoints"));
        c.setString("state.backend.rocksdb.localdir", o.text("dir") + "/rocksdb");
        c.setString("io.tmp.dirs", o.text("dir"));
        c.setString("pipeline.object-reuse", "true");
        c.setString("taskmanager.memory.managed.size", "512m");
        c.setString("pipeline.auto-watermark-interval", o.text("watermark-ms") + "ms");
        if (!o.text("restore").isEmpty())
            c.setString("execution.state-recovery.path", newestCheckpoint(Path.of(o.text("restore"))));
        o.forEachSetting(c::setString);
        int parallelism = (int) o.number("parallelism");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(parallelism, c);

        DataStream<Tuple2<String, byte[]>> impressions = source(env, o, "impressions");
        DataStream<Tuple2<String, byte[]>> engagements = source(env, o, "engagements");
        KafkaSink<Tuple2<String, byte[]>> sink = KafkaSink.<Tuple2<String, byte[]>>builder()
                .setBootstrapServers(o.text("bootstrap"))
                .setRecordSerializer(new Write(o.text("output")))
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                .setTransactionalIdPrefix("job-" + o.text("output"))
                .setProperty("transaction.timeout.ms", "600000")
                .setProperty("batch.size", Integer.toString(1 << 17))
                .setProperty("linger.ms", "50")
                .build();
        impressions.keyBy(r -> r.f0, Types.STRING).connect(engagements.keyBy(r -> r.f0, Types.STRING))
                .process(new Join(o.number("window-ms"))).returns(RAW).sinkTo(sink);
        env.execute("join");
    }

    /** Of whatever run was the last to complete one. */
    private static String newestCheckpoint(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(p -> p.endsWith("_metadata"))
                    .max(Comparator.comparingLong(p -> p.toFile().lastModified())).orElseThrow().getParent().toString();
        }
    }

    private static DataStream<Tuple2<String, byte[]>> source(StreamExecutionEnvironment env, JobOptions o,
            String topic) {
        KafkaSourceBuilder<Tuple2<String, byte[]>> source = KafkaSource.<Tuple2<String, byte[]>>builder()
                .setBootstrapServers(o.text("bootstrap"))
                .setTopics(o.text(topic))
                .setGroupId("job-" + o.text("output") + "-" + topic)
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Read());
        if (!Boolean.parseBoolean(o.text("live")))
            source.setBounded(OffsetsInitializer.latest());
        WatermarkStrategy<Tuple2<String, byte[]>> watermarks = WatermarkStrategy
                .forBoundedOutOfOrderness(Duration.ofMillis(o.number("grace-ms")));
        return env.fromSource(source.build(), watermarks, topic, RAW); /* event time is the record's timestamp */
    }

    private static final class Read implements KafkaRecordDeserializationSchema<Tuple2<String, byte[]>> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> r, Collector<Tuple2<String, byte[]>> out) {
            out.collect(Tuple2.of(new String(r.key(), StandardCharsets.ISO_8859_1), r.value()));
        }

        @Override
        public TypeInformation<Tuple2<String, byte[]>> getProducedType() {
            return RAW;
        }
    }

    private static final class Write implements KafkaRecordSerializationSchema<Tuple2<String, byte[]>>, Serializable {
        private final String topic;

        Write(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Tuple2<String, byte[]> r, KafkaSinkContext context, Long time) {
            return new ProducerRecord<>(topic, null, time, r.f0.getBytes(StandardCharsets.ISO_8859_1), r.f1);
        }
    }

    private static final class Join
            extends KeyedCoProcessFunction<String, Tuple2<String, byte[]>, Tuple2<String, byte[]>,
            Tuple2<String, byte[]>> {
        private final long windowMs;
        private transient OpenImpression open;
        private transient ValueState<byte[]> state;

        Join(long windowMs) {
            this.windowMs = windowMs;
        }

        @Override
        public void open(Configuration parameters) {
            open = new OpenImpression(windowMs);
            state = getRuntimeContext().getState(new ValueStateDescriptor<>("open",
                    PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
        }

        @Override
        public void processElement1(Tuple2<String, byte[]> r, Context context, Collector<Tuple2<String, byte[]>> out)
                throws IOException {
            add(r.f1, context, true);
        }

        @Override
        public void processElement2(Tuple2<String, byte[]> r, Context context, Collector<Tuple2<String, byte[]>> out)
                throws IOException {
            add(r.f1, context, false);
        }

        private void add(byte[] message, Context context, boolean impression) throws IOException {
            long deadline = context.timestamp() + windowMs; /* the watermark holds back the grace */
            byte[] before = state.value();
            if (before == null || impression) /* what comes before its impression waits as long as it may need */
                context.timerService().registerEventTimeTimer(deadline);
            state.update(before == null ? OpenImpression.start(deadline, message)
                    : OpenImpression.append(before, impression ? deadline : OpenImpression.deadline(before), message));
        }

        @Override
        public void onTimer(long at, OnTimerContext context, Collector<Tuple2<String, byte[]>> out) throws IOException {
            byte[] bytes = state.value();
            if (bytes == null || OpenImpression.deadline(bytes) > at)
                return;
            state.clear();
            byte[] outcome = open.close(OpenImpression.messages(bytes));
            if (outcome != null)
                out.collect(Tuple2.of(context.getCurrentKey(), outcome));
        }
    }
}
