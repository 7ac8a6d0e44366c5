package tidegate.peer;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The default pipeline as a durable Flink job, to be measured beside ours: Kafka (committed reads),
 * JSON, bounded disorder, tumbling windows by course, sum and mean, Kafka (transactions), with a
 * checkpoint to disk every second. Says on standard output, a line of JSON each, when it runs and
 * when it has finished, and ends with its standard input, so that its CPU time can still be read.
 */
public final class BenchJob {
  private BenchJob() {}

  /** What one record says; all fields are checked as our definition checks them. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public static final class StudentLog {
    public String student_id;
    public String course;
    public String activity;
    public Double lines_of_code;
    public Double cpu_usage_pct;
    public String event_time;

    boolean isValid() {
      return student_id != null && course != null && activity != null && event_time != null
          && lines_of_code != null && lines_of_code >= 0
          && cpu_usage_pct != null && cpu_usage_pct >= 0 && cpu_usage_pct <= 100;
    }
  }

  /** What goes on from the source: the least that the aggregates need. A Flink POJO. */
  public static final class Event {
    public String key;
    public double lines;
    public double cpu;
    public long timeMs;
  }

  /** A window's sums of one key. */
  public static final class Sums {
    public long events;
    public double lines;
    public double cpu;
  }

  /** A row of results. */
  public static final class Row {
    public String key;
    public long start;
    public long end;
    public long events;
    public double lines;
    public double cpu;
  }

  /** JSON to events. */
  static final class Decode implements DeserializationSchema<Event> {
    private static final long serialVersionUID = 1;
    private final boolean byStudent;
    private transient ObjectReader reader;

    Decode(boolean byStudent) {
      this.byStudent = byStudent;
    }

    @Override
    public void open(InitializationContext context) {
      reader = new ObjectMapper().readerFor(StudentLog.class);
    }

    @Override
    public Event deserialize(byte[] message) throws IOException {
      StudentLog log = reader.readValue(message);
      if (!log.isValid()) return null;
      Event event = new Event();
      event.key = byStudent ? log.student_id : log.course;
      event.lines = log.lines_of_code;
      event.cpu = log.cpu_usage_pct;
      event.timeMs = timeOf(log.event_time);
      return event;
    }

    @Override
    public boolean isEndOfStream(Event next) {
      return false;
    }

    @Override
    public TypeInformation<Event> getProducedType() {
      return TypeInformation.of(Event.class);
    }
  }

  /** Epoch ms of an ISO time; the form that producers write is read by hand, as ours reads it. */
  static long timeOf(String text) {
    if (text.length() != 24 || text.charAt(23) != 'Z' || text.charAt(19) != '.') {
      return Instant.parse(text).toEpochMilli();
    }
    int year = digits(text, 0, 4);
    int month = digits(text, 5, 7);
    int day = digits(text, 8, 10);
    // Days since 1970 in the Gregorian calendar, with years that begin in March.
    int y = month <= 2 ? year - 1 : year;
    int era = y / 400;
    int ofEra = y - era * 400;
    int ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    long days = era * 146097L + ofEra * 365L + ofEra / 4 - ofEra / 100 + ofYear - 719468;
    long seconds = digits(text, 11, 13) * 3600L + digits(text, 14, 16) * 60L + digits(text, 17, 19);
    return (days * 86400L + seconds) * 1000L + digits(text, 20, 23);
  }

  private static int digits(String text, int from, int to) {
    int value = 0;
    for (int i = from; i < to; i++) {
      int digit = text.charAt(i) - '0';
      if (digit < 0 || digit > 9) throw new IllegalArgumentException("no time: " + text);
      value = value * 10 + digit;
    }
    return value;
  }

  static final class Add implements AggregateFunction<Event, Sums, Sums> {
    private static final long serialVersionUID = 1;

    @Override
    public Sums createAccumulator() {
      return new Sums();
    }

    @Override
    public Sums add(Event event, Sums sums) {
      sums.events++;
      sums.lines += event.lines;
      sums.cpu += event.cpu;
      return sums;
    }

    @Override
    public Sums getResult(Sums sums) {
      return sums;
    }

    @Override
    public Sums merge(Sums a, Sums b) {
      a.events += b.events;
      a.lines += b.lines;
      a.cpu += b.cpu;
      return a;
    }
  }

  static final class Emit extends ProcessWindowFunction<Sums, Row, String, TimeWindow> {
    private static final long serialVersionUID = 1;

    @Override
    public void process(String key, Context context, Iterable<Sums> all, Collector<Row> out) {
      for (Sums sums : all) {
        Row row = new Row();
        row.key = key;
        row.start = context.window().getStart();
        row.end = context.window().getEnd();
        row.events = sums.events;
        row.lines = sums.lines;
        row.cpu = sums.cpu;
        out.collect(row);
      }
    }
  }

  /** Rows to JSON. */
  static final class Encode implements KafkaRecordSerializationSchema<Row> {
    private static final long serialVersionUID = 1;
    private final String topic;

    Encode(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Row row, KafkaSinkContext context, Long time) {
      String value = "{\"window\":{\"start\":\"" + Instant.ofEpochMilli(row.start)
          + "\",\"end\":\"" + Instant.ofEpochMilli(row.end) + "\"},\"key\":\"" + row.key
          + "\",\"events\":" + row.events + ",\"total_loc\":" + row.lines
          + ",\"avg_cpu\":" + row.cpu / row.events + "}";
      String key = row.start + "|" + row.key;
      return new ProducerRecord<>(
          topic, key.getBytes(StandardCharsets.UTF_8), value.getBytes(StandardCharsets.UTF_8));
    }
  }

  /** Runs the job that the arguments {@code --name value} describe. */
  public static void main(String[] args) throws Exception {
    Map<String, String> given = new HashMap<>();
    for (int i = 0; i + 1 < args.length; i += 2) given.put(args[i].substring(2), args[i + 1]);
    say("started");

    Configuration conf = new Configuration();
    conf.set(StateBackendOptions.STATE_BACKEND, "hashmap");
    conf.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
    conf.set(
        CheckpointingOptions.CHECKPOINTS_DIRECTORY,
        Path.of(need(given, "checkpoints")).toAbsolutePath().toUri().toString());
    conf.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
    int parallelism = Integer.parseInt(given.getOrDefault("parallelism", "1"));
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createLocalEnvironment(parallelism, conf);
    long checkpointMs = Long.parseLong(given.getOrDefault("checkpoint-ms", "1000"));
    env.enableCheckpointing(checkpointMs, CheckpointingMode.EXACTLY_ONCE);
    env.getConfig().enableObjectReuse();
    env.getConfig()
        .setAutoWatermarkInterval(Long.parseLong(given.getOrDefault("watermark-ms", "200")));

    KafkaSourceBuilder<Event> source =
        KafkaSource.<Event>builder()
            .setBootstrapServers(need(given, "brokers"))
            .setTopics(need(given, "topic"))
            .setGroupId(need(given, "group"))
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(
                KafkaRecordDeserializationSchema.valueOnly(
                    new Decode("student_id".equals(given.get("key")))))
            .setProperty("isolation.level", "read_committed");
    // At the end of a bounded topic Flink closes what is open, as our --flush does.
    if ("true".equals(given.get("bounded"))) source.setBounded(OffsetsInitializer.latest());

    boolean exactly = !"at-least-once".equals(given.get("sink"));
    KafkaSink<Row> sink =
        KafkaSink.<Row>builder()
            .setBootstrapServers(need(given, "brokers"))
            .setRecordSerializer(new Encode(need(given, "results")))
            .setDeliveryGuarantee(
                exactly ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
            .setTransactionalIdPrefix(need(given, "group"))
            .setProperty("transaction.timeout.ms", "60000")
            .build();

    WatermarkStrategy<Event> watermarks =
        WatermarkStrategy.<Event>forBoundedOutOfOrderness(
                Duration.ofMillis(Long.parseLong(need(given, "delay-ms"))))
            .withTimestampAssigner((event, before) -> event.timeMs)
            .withIdleness(Duration.ofMillis(Long.parseLong(need(given, "idle-ms"))));
    env.fromSource(source.build(), watermarks, "source")
        .keyBy(event -> event.key)
        .window(
            TumblingEventTimeWindows.of(
                Duration.ofMillis(Long.parseLong(need(given, "window-ms")))))
        .aggregate(new Add(), new Emit())
        .sinkTo(sink);

    JobClient client = env.executeAsync("bench");
    while (client.getJobStatus().get() != JobStatus.RUNNING) {
      if (client.getJobStatus().get().isGloballyTerminalState()) break;
      Thread.sleep(5);
    }
    say("running");
    Thread ended =
        new Thread(
            () -> {
              try {
                client.getJobExecutionResult().get();
                say("finished");
              } catch (Exception error) {
                error.printStackTrace();
                System.exit(1);
              }
            });
    ended.setDaemon(true);
    ended.start();
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  private static String need(Map<String, String> given, String name) {
    String value = given.get(name);
    if (value == null) throw new IllegalArgumentException("--" + name + " must be given");
    return value;
  }

  private static void say(String event) {
    System.out.println("{\"event\":\"" + event + "\",\"atMs\":" + System.currentTimeMillis() + "}");
  }
}
