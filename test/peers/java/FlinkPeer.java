import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/**
 * Flink SQL in this JVM, told by lines on stdin: {@code path-of-a-SQL-file TAB plain|mini-batch}.
 * Runs the file's statements (separated by lines that end in a semicolon), times the last one,
 * an INSERT INTO a table with the connector "counting", to its end, and answers with one line:
 * {@code PEER seconds rows sum sum …}. The JVM stays warm from job to job.
 */
public final class FlinkPeer {
  public static void main(String[] args) throws Exception {
    BufferedReader requests =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      String[] request = line.split("\t");
      System.out.println(run(Files.readString(Path.of(request[0])), request[1].equals("mini-batch")));
      System.out.flush();
    }
    System.exit(0);
  }

  private static String run(String script, boolean miniBatch) {
    try {
      TableEnvironment environment = TableEnvironment.create(settings(miniBatch));
      String[] statements = script.split(";\\s*\\n");
      for (int at = 0; at + 1 < statements.length; at += 1) environment.executeSql(statements[at]);
      CountingSink.reset();
      long startNs = System.nanoTime();
      environment.executeSql(statements[statements.length - 1]).await();
      double seconds = (System.nanoTime() - startNs) / 1e9;
      String sums =
          Arrays.stream(CountingSink.sums()).mapToObj(Long::toString).collect(Collectors.joining(" "));
      return "PEER " + seconds + " " + CountingSink.rows() + " " + sums;
    } catch (Exception error) {
      Throwable cause = error;
      while (cause.getCause() != null) cause = cause.getCause();
      return "PEER-ERROR " + String.valueOf(cause).replace('\n', ' ');
    }
  }

  private static EnvironmentSettings settings(boolean miniBatch) {
    Configuration configuration = new Configuration();
    configuration.setString("parallelism.default", "2");
    configuration.setString("pipeline.object-reuse", "true");
    configuration.setString("table.local-time-zone", "UTC");
    if (miniBatch) {
      configuration.setString("table.exec.mini-batch.enabled", "true");
      configuration.setString("table.exec.mini-batch.allow-latency", "2 s");
      configuration.setString("table.exec.mini-batch.size", "50000");
    }
    return EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build();
  }
}
