import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.RowKind;

/**
 * As Flink's blackhole, but counts: rows, and sums of the BIGINT columns at the given places, with
 * retracted rows taken away again. The counts are of this JVM, in which all tasks run.
 */
public final class CountingSink implements Sink<RowData> {
  private static final int SUMS_MAX = 4;
  private static final LongAdder ROWS = new LongAdder();
  private static final LongAdder[] SUMS = new LongAdder[SUMS_MAX];

  static {
    for (int at = 0; at < SUMS_MAX; at += 1) SUMS[at] = new LongAdder();
  }

  private final int[] columns;

  CountingSink(int[] columns) {
    this.columns = columns;
  }

  static void reset() {
    ROWS.reset();
    for (LongAdder sum : SUMS) sum.reset();
  }

  static long rows() {
    return ROWS.sum();
  }

  static long[] sums() {
    long[] sums = new long[SUMS_MAX];
    for (int at = 0; at < SUMS_MAX; at += 1) sums[at] = SUMS[at].sum();
    return sums;
  }

  @Override
  public SinkWriter<RowData> createWriter(WriterInitContext context) {
    return new Writer(columns);
  }

  /** Counts for itself and hands the counts over at the end. */
  private static final class Writer implements SinkWriter<RowData> {
    private final int[] columns;
    private final long[] sums = new long[SUMS_MAX];
    private long rows;

    Writer(int[] columns) {
      this.columns = columns;
    }

    @Override
    public void write(RowData row, Context context) {
      RowKind kind = row.getRowKind();
      int sign = kind == RowKind.INSERT || kind == RowKind.UPDATE_AFTER ? 1 : -1;
      rows += sign;
      for (int at = 0; at < columns.length; at += 1) sums[at] += sign * row.getLong(columns[at]);
    }

    @Override
    public void flush(boolean endOfInput) {}

    @Override
    public void close() {
      ROWS.add(rows);
      for (int at = 0; at < SUMS_MAX; at += 1) SUMS[at].add(sums[at]);
    }
  }
}
