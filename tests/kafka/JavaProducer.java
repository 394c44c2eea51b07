import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.Scanner;
import java.util.concurrent.Future;
import java.util.ArrayList;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes `topic key base64(value)` lines with Java's own producer and its default partitioner. Prints keys and
 * partitions.
 */
public class JavaProducer {
	public static void main(String[] arguments) throws Exception {
		Properties properties = new Properties();
		List<String> keys = new ArrayList<>();
		List<Future<RecordMetadata>> sent = new ArrayList<>();

		properties.put("bootstrap.servers", arguments[0]);
		try (KafkaProducer<String, byte[]> producer =
				new KafkaProducer<>(properties, new StringSerializer(), new ByteArraySerializer());
				Scanner lines = new Scanner(System.in)) {
			while (lines.hasNextLine()) {
				String[] words = lines.nextLine().split(" ");
				keys.add(words[1]);
				byte[] value = Base64.getDecoder().decode(words[2]);
				sent.add(producer.send(new ProducerRecord<>(words[0], words[1], value)));
			}
			for (int i = 0; i < keys.size(); i++)
				System.out.println(keys.get(i) + " " + sent.get(i).get().partition());
		}
	}
}
