package bench;

import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The basic job on Kafka Streams: a processor with a caching, logged key-value store, defaults otherwise
 * (at least once, RocksDB, one thread).
 *
 * <p>Arguments: brokers, application id, source, target, state folder.
 */
public final class BasicJob {
    private static final String STORE = "routes";

    private BasicJob() {}

    public static void main(String[] arguments) throws InterruptedException {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[4]);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        KafkaStreams streams = new KafkaStreams(topology(arguments[2], arguments[3]).build(), settings);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }

    private static StreamsBuilder topology(String source, String target) {
        Serde<RouteState> states = JsonSerde.of(RouteState.class);
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), states)
                        .withCachingEnabled());
        builder.stream(source, Consumed.with(Serdes.String(), JsonSerde.of(Scan.class)))
                .process(Fold::new, STORE)
                .to(target, Produced.with(Serdes.String(), states));
        return builder;
    }

    /** Folds one scan at a time and passes the state on when it was a delivery. */
    private static final class Fold implements Processor<String, Scan, String, RouteState> {
        private ProcessorContext<String, RouteState> context;
        private KeyValueStore<String, RouteState> routes;

        @Override
        public void init(ProcessorContext<String, RouteState> context) {
            this.context = context;
            routes = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<String, Scan> scan) {
            RouteState state = routes.get(scan.key());
            state = (state == null ? new RouteState() : state).fold(scan.value());
            routes.put(scan.key(), state);
            if (state.delivered) {
                context.forward(scan.withValue(state));
            }
        }
    }
}
