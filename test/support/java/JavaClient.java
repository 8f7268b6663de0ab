import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's own Java clients as a process for the tests: writes topics as Java programs write them,
 * and reads them back, as the judge of what a topic holds. Takes one command a line on standard
 * input, `name key=value …`, and answers each with one line, `done key=value …` or `failed why`.
 *
 * Every JSON record is {"id":n,"fate":"…","pad":"…"}: ids count up over all commands, the fate is
 * what becomes of its transaction. Nothing is random but by the seed of the command.
 */
public final class JavaClient {
  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

  private final String brokers;
  /** The transaction that `open` left open, or null. */
  private KafkaProducer<String, String> open;
  private long nextId;

  private JavaClient(String brokers) {
    this.brokers = brokers;
  }

  public static void main(String[] args) throws Exception {
    JavaClient client = new JavaClient(args[0]);
    PrintWriter answers = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    BufferedReader commands =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      try {
        answers.println("done " + client.run(new Command(line)));
      } catch (Exception error) {
        answers.println("failed " + String.valueOf(error).replace('\n', ' '));
      }
    }
  }

  private String run(Command command) throws Exception {
    switch (command.name) {
      case "plain":
        return plain(command);
      case "keyed":
        return keyed(command);
      case "forms":
        return forms(command);
      case "transactions":
        return transactions(command);
      case "open":
        return open(command);
      case "close":
        return close(command);
      case "read":
        return read(command);
      default:
        throw new IllegalArgumentException("unknown command " + command.name);
    }
  }

  /**
   * `count` records over the partitions in turn; `batch=1`: each record is a batch of its own. None
   * is left behind: a record that was not taken fails the command.
   */
  private String plain(Command command) throws Exception {
    int partitions = command.number("partitions", 1);
    int batch = command.number("batch", 1_000);
    Random random = new Random(command.number("seed", 1));
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (KafkaProducer<String, String> producer =
        producer(Map.of("compression.type", command.text("codec", "none"), "batch.size", 1 << 20))) {
      for (int at = 0; at < command.number("count", 1); at += 1) {
        String value = value("plain", random, command.number("bytes", 100));
        sent.add(producer.send(new ProducerRecord<>(command.text("topic", ""), at % partitions, "k" + at, value)));
        if (at % batch == batch - 1) producer.flush();
      }
    }
    for (Future<RecordMetadata> record : sent) record.get();
    return "next=" + nextId;
  }

  /** Records that compaction thins out: few keys, now and then a tombstone. */
  private String keyed(Command command) {
    int partitions = command.number("partitions", 1);
    int keys = command.number("keys", 10);
    Random random = new Random(command.number("seed", 1));
    try (KafkaProducer<String, String> producer =
        producer(Map.of("compression.type", command.text("codec", "none"), "batch.size", 16_384))) {
      for (int at = 0; at < command.number("count", 1); at += 1) {
        int key = random.nextInt(keys);
        String value = value("plain", random, command.number("bytes", 100));
        producer.send(
            new ProducerRecord<>(
                command.text("topic", ""), key % partitions, "k" + key, at % 13 == 0 ? null : value));
      }
    }
    return "next=" + nextId;
  }

  /**
   * Keys, values and headers that are null, empty or not ASCII; the test knows what belongs to
   * each offset: kafka/read-record-forms.ts has the same rules.
   */
  private String forms(Command command) {
    try (KafkaProducer<String, String> producer =
        producer(Map.of("compression.type", command.text("codec", "none"), "linger.ms", 20))) {
      for (int at = 0; at < command.number("count", 1); at += 1) {
        String key = at % 5 == 0 ? null : at % 5 == 1 ? "" : "kéy " + at;
        String value = at % 7 == 0 ? null : at % 7 == 1 ? "" : "välue " + at;
        ProducerRecord<String, String> record =
            new ProducerRecord<>(command.text("topic", ""), 0, 1_700_000_000_000L + at, key, value);
        for (int header = 0; header < at % 4; header += 1) {
          byte[] bytes = ("vàl " + at).getBytes(StandardCharsets.UTF_8);
          record.headers().add("h" + header, header == 2 ? null : header == 1 ? new byte[0] : bytes);
        }
        producer.send(record);
      }
    }
    return "";
  }

  /**
   * Several transactional producers and a plain one take turns on the same partitions; their
   * transactions overlap and end in a commit or an abort. Each has a codec of its own.
   */
  private String transactions(Command command) {
    String topic = command.text("topic", "");
    int partitions = command.number("partitions", 1);
    List<String> codecs = Arrays.asList(command.text("codecs", String.join(",", CODECS)).split(","));
    Random random = new Random(command.number("seed", 1));
    Map<String, Integer> counts = new HashMap<>();
    List<Writer> writers = new ArrayList<>();
    for (String codec : codecs) writers.add(new Writer(topic + "-" + codec, codec));
    writers.add(new Writer(null, codecs.get(0)));
    for (int step = 0; step < command.number("steps", 100); step += 1) {
      Writer writer = writers.get(random.nextInt(writers.size()));
      writer.begin(random);
      int records = 1 + random.nextInt(20);
      for (int at = 0; at < records; at += 1) {
        String value = value(writer.fate, random, 40);
        writer.producer.send(
            new ProducerRecord<>(topic, random.nextInt(partitions), "k" + nextId, value));
      }
      counts.merge(writer.fate, records, Integer::sum);
      // What is aborted shall be in the log.
      writer.producer.flush();
      if (random.nextInt(3) == 0) writer.end();
    }
    for (Writer writer : writers) {
      writer.end();
      writer.producer.close();
    }
    return String.format(
        "plain=%d commit=%d abort=%d",
        counts.getOrDefault("plain", 0),
        counts.getOrDefault("commit", 0),
        counts.getOrDefault("abort", 0));
  }

  /** Begins a transaction, writes records into every partition and leaves it open. */
  private String open(Command command) {
    String topic = command.text("topic", "");
    open = producer(Map.of("transactional.id", topic + "-open"));
    open.initTransactions();
    open.beginTransaction();
    Random random = new Random(1);
    for (int partition = 0; partition < command.number("partitions", 1); partition += 1) {
      for (int at = 0; at < command.number("count", 1); at += 1) {
        open.send(new ProducerRecord<>(topic, partition, "k", value("open", random, 40)));
      }
    }
    open.flush();
    return "next=" + nextId;
  }

  private String close(Command command) {
    if (command.text("outcome", "").equals("commit")) open.commitTransaction();
    else open.abortTransaction();
    open.close();
    open = null;
    return "";
  }

  /**
   * Writes what the topic holds to a file, one record a line: partition, offset, timestamp, id;
   * the id of a tombstone is -1. Answers with each partition's end, which isolation may hold back.
   */
  private String read(Command command) throws Exception {
    String topic = command.text("topic", "");
    Properties properties = new Properties();
    properties.put("bootstrap.servers", brokers);
    properties.put("isolation.level", command.text("isolation", "read_committed"));
    properties.put("max.poll.records", 10_000);
    int records = 0;
    StringBuilder answer = new StringBuilder();
    try (KafkaConsumer<String, String> consumer =
            new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
        PrintWriter lines =
            new PrintWriter(Files.newBufferedWriter(Path.of(command.text("file", ""))))) {
      Collection<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      ends.forEach((partition, end) -> answer.append(String.format(" end%d=%d", partition.partition(), end)));
      while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
          TopicPartition partition = new TopicPartition(topic, record.partition());
          if (record.offset() >= ends.get(partition)) continue;
          records += 1;
          lines.printf(
              "%d %d %d %d%n", record.partition(), record.offset(), record.timestamp(), idOf(record.value()));
        }
      }
    }
    return "records=" + records + answer;
  }

  private static long idOf(String value) {
    if (value == null) return -1;
    return Long.parseLong(value.substring(value.indexOf(':') + 1, value.indexOf(',')));
  }

  /** JSON whose pad compresses a little, as real values do. */
  private String value(String fate, Random random, int bytes) {
    char[] pad = new char[bytes];
    for (int at = 0; at < bytes; at += 1) pad[at] = (char) ('a' + random.nextInt(26));
    String value = "{\"id\":" + nextId + ",\"fate\":\"" + fate + "\",\"pad\":\"" + new String(pad) + "\"}";
    nextId += 1;
    return value;
  }

  private KafkaProducer<String, String> producer(Map<String, Object> settings) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", brokers);
    properties.put("acks", "all");
    properties.put("linger.ms", 0);
    properties.put("max.request.size", 16 << 20);
    properties.put("transaction.timeout.ms", 300_000);
    properties.putAll(settings);
    return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
  }

  /** A producer that is inside of a transaction or not. */
  private final class Writer {
    final KafkaProducer<String, String> producer;
    final boolean transactional;
    String fate = "plain";
    private boolean inTransaction;

    Writer(String id, String codec) {
      transactional = id != null;
      Map<String, Object> settings = new HashMap<>(Map.of("compression.type", codec));
      if (transactional) settings.put("transactional.id", id);
      producer = producer(settings);
      if (transactional) producer.initTransactions();
    }

    void begin(Random random) {
      if (!transactional || inTransaction) return;
      fate = random.nextInt(2) == 0 ? "commit" : "abort";
      producer.beginTransaction();
      inTransaction = true;
    }

    void end() {
      if (!inTransaction) return;
      if (fate.equals("commit")) producer.commitTransaction();
      else producer.abortTransaction();
      inTransaction = false;
    }
  }

  /** `name key=value …` */
  private static final class Command {
    final String name;
    private final Map<String, String> values = new HashMap<>();

    Command(String line) {
      String[] words = line.split(" ");
      name = words[0];
      for (String word : Arrays.asList(words).subList(1, words.length)) {
        int at = word.indexOf('=');
        values.put(word.substring(0, at), word.substring(at + 1));
      }
    }

    String text(String key, String preset) {
      return values.getOrDefault(key, preset);
    }

    int number(String key, int preset) {
      return values.containsKey(key) ? Integer.parseInt(values.get(key)) : preset;
    }
  }
}
