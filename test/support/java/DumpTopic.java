/**
 * Prints every record of a topic as Kafka's Java consumer sees it, one line each and tabs between:
 * partition, the partition that Java's producer would choose for the key, timestamp, key, headers,
 * value; "null" for what is not there. Run from source: java -cp 'lib/*' DumpTopic.java HOST:PORT TOPIC
 */
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.Utils;

public class DumpTopic {
  public static void main(String[] arguments) {
    String topic = arguments[1];
    Map<String, Object> config =
        Map.of("bootstrap.servers", arguments[0], "check.crcs", true, "auto.offset.reset", "earliest");
    var bytes = new ByteArrayDeserializer();
    try (var consumer = new KafkaConsumer<>(config, bytes, bytes)) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream()
              .map(info -> new TopicPartition(topic, info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(at -> consumer.position(at) < ends.get(at))) {
        for (var found : consumer.poll(Duration.ofMillis(200))) print(found, partitions.size());
      }
    }
    System.out.flush();
  }

  private static void print(ConsumerRecord<byte[], byte[]> found, int partitions) {
    StringBuilder headers = new StringBuilder();
    for (Header header : found.headers()) {
      headers.append(header.key()).append('=').append(text(header.value())).append(';');
    }
    byte[] key = found.key();
    String chosen =
        key == null ? "null" : "" + (Utils.toPositive(Utils.murmur2(key)) % partitions);
    System.out.println(
        String.join(
            "\t",
            "" + found.partition(),
            chosen,
            "" + found.timestamp(),
            text(key),
            headers.toString(),
            text(found.value())));
  }

  private static String text(byte[] bytes) {
    return bytes == null ? "null" : new String(bytes, StandardCharsets.UTF_8);
  }
}
