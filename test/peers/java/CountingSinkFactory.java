import java.util.Set;
import java.util.stream.IntStream;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.SinkV2Provider;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;

/** 'connector' = 'counting': takes any changelog and keeps only counts of it. */
public final class CountingSinkFactory implements DynamicTableSinkFactory {
  @Override
  public DynamicTableSink createDynamicTableSink(Context context) {
    DataType row = context.getPhysicalRowDataType();
    int[] columns =
        IntStream.range(0, row.getChildren().size())
            .filter(at -> row.getChildren().get(at).getLogicalType().is(LogicalTypeRoot.BIGINT))
            .toArray();
    return new CountingTableSink(columns);
  }

  @Override
  public String factoryIdentifier() {
    return "counting";
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Set.of();
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of();
  }

  private static final class CountingTableSink implements DynamicTableSink {
    private final int[] columns;

    CountingTableSink(int[] columns) {
      this.columns = columns;
    }

    @Override
    public ChangelogMode getChangelogMode(ChangelogMode requested) {
      return requested;
    }

    @Override
    public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
      return SinkV2Provider.of(new CountingSink(columns));
    }

    @Override
    public DynamicTableSink copy() {
      return new CountingTableSink(columns);
    }

    @Override
    public String asSummaryString() {
      return "counting";
    }
  }
}
