/**
 * Every metric that velo exports: name, type, unit, labels and meaning, by Prometheus' conventions
 * (base units, unit last, `_total` on counters). docs/metrics.md is generated from here and
 * prometheus.ts exports exactly these. Names are permanent: dashboards and alerts depend on them.
 */

export type MetricType = 'counter' | 'gauge' | 'summary';
export type MetricUnit =
  'records' | 'records per second' | 'seconds' | 'bytes' | 'rows' | 'ratio' | 'none';

export interface CatalogueEntry {
  readonly type: MetricType;
  readonly unit: MetricUnit;
  readonly labels: readonly string[];
  readonly help: string;
}

type Described = (unit: MetricUnit, help: string) => CatalogueEntry;

const described =
  (type: MetricType, labels: readonly string[]): Described =>
  (unit, help) => ({ type, unit, labels, help });

const BY_PARTITION = ['query', 'partition'];
const BY_WORKER = ['query', 'worker'];
const partitionCounter = described('counter', BY_PARTITION);
const partitionGauge = described('gauge', BY_PARTITION);
const partitionSummary = described('summary', BY_PARTITION);
const workerCounter = described('counter', BY_WORKER);
const queryCounter = described('counter', ['query']);
const queryGauge = described('gauge', ['query']);
const operatorGauge = described('gauge', ['query', 'operator']);
const jobState = described('gauge', ['state']);
const processCounter = described('counter', []);
const processGauge = described('gauge', []);

export const PARTITION_METRICS = {
  velo_partition_records_in_total: partitionCounter(
    'records',
    'Records that the partition was given, one by one or in groups that workers form before the exchange.',
  ),
  velo_partition_records_out_total: partitionCounter(
    'records',
    'Result rows that the partition emitted.',
  ),
  velo_partition_records_late_total: partitionCounter(
    'records',
    'Records below the watermark of their source partition.',
  ),
  velo_partition_records_failed_total: partitionCounter(
    'records',
    'Records that failed and follow the error policy.',
  ),
  velo_partition_batches_total: partitionCounter(
    'none',
    'Batches that the partition worked on, or that workers formed into groups for it.',
  ),
  velo_partition_busy_seconds_total: partitionCounter(
    'seconds',
    'Time inside the operators of the partition.',
  ),
  velo_partition_throughput_records_per_second: partitionGauge(
    'records per second',
    'Records in per second, over the last second.',
  ),
  velo_partition_hot: partitionGauge(
    'none',
    '1 while throughput is more than twice the average of the other partitions.',
  ),
  velo_partition_queue_depth_records: partitionGauge(
    'records',
    'Records that are on their way to the partition.',
  ),
  velo_partition_utilization_ratio: partitionGauge(
    'ratio',
    'Use of the rings that lead to the partition, 0 to 1.',
  ),
  velo_partition_backpressure_severity: partitionGauge(
    'none',
    'Backpressure: 0 healthy, 1 warning, 2 critical, 3 saturated.',
  ),
  velo_partition_latency_seconds: partitionSummary(
    'seconds',
    'Time of a batch from being read to having been worked on.',
  ),
  velo_partition_latency_last_seconds: partitionGauge('seconds', 'Latency of the last batch.'),
  velo_partition_latency_max_seconds: partitionGauge(
    'seconds',
    'Highest latency of a batch since the start.',
  ),
  velo_partition_state_rows: partitionGauge('rows', 'Rows in the state of the partition.'),
  velo_partition_state_bytes: partitionGauge('bytes', 'Size of the state of the partition.'),
  velo_partition_paged_bytes: partitionGauge('bytes', 'State of the partition that is on disk.'),
  velo_partition_page_loads_total: partitionCounter(
    'none',
    'Times that a part of that was read back.',
  ),
  velo_partition_watermark_timestamp_seconds: partitionGauge(
    'seconds',
    'Watermark of the partition as Unix time; absent before the first and after the last.',
  ),
  velo_partition_watermark_lag_seconds: partitionGauge(
    'seconds',
    'Event time by which the watermark stands behind the furthest of the query.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

export const WORKER_METRICS = {
  velo_worker_records_read_total: workerCounter('records', 'Records that the worker read.'),
  velo_worker_turns_total: workerCounter('none', 'Source blocks that the worker took.'),
  velo_worker_source_seconds_total: workerCounter(
    'seconds',
    'Time reading, decoding and filtering source blocks.',
  ),
  velo_worker_exchange_seconds_total: workerCounter(
    'seconds',
    'Time routing, writing and reading blocks of the exchange.',
  ),
  velo_worker_operators_seconds_total: workerCounter(
    'seconds',
    'Time inside the operators of partitions.',
  ),
  velo_worker_output_seconds_total: workerCounter('seconds', 'Time encoding result rows.'),
  velo_worker_metrics_seconds_total: workerCounter('seconds', 'Time counting and observing.'),
  velo_worker_loop_seconds_total: workerCounter(
    'seconds',
    'Time claiming blocks and looking for work.',
  ),
  velo_worker_wait_seconds_total: workerCounter('seconds', 'Time without work.'),
  velo_worker_throttled_seconds_total: workerCounter(
    'seconds',
    'Time that backpressure held the source back.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

export const QUERY_METRICS = {
  velo_records_in_total: queryCounter('records', 'Records read from the sources.'),
  velo_records_out_total: queryCounter('records', 'Result rows handed to the sink.'),
  velo_records_late_total: queryCounter(
    'records',
    'Records below the watermark of their source partition.',
  ),
  velo_records_failed_total: queryCounter(
    'records',
    'Records that failed and follow the error policy.',
  ),
  velo_throughput_records_per_second: queryGauge(
    'records per second',
    'Records read per second, over the last second.',
  ),
  velo_partitions: queryGauge('none', 'Partitions of the query.'),
  velo_active_partitions: queryGauge('none', 'Partitions that got records in the last second.'),
  velo_backpressure_events_total: queryCounter('none', 'Times that a partition rose in severity.'),
} as const satisfies Record<string, CatalogueEntry>;

/** Of a job that keeps its state (--checkpoint-dir); the last checkpoint is one of this run. */
export const CHECKPOINT_METRICS = {
  velo_checkpoints_total: processCounter('none', 'Checkpoints written.'),
  velo_checkpoint_failures_total: processCounter(
    'none',
    'Checkpoints that could not be taken or written.',
  ),
  velo_checkpoint_last_age_seconds: processGauge('seconds', 'Age of the last checkpoint.'),
  velo_checkpoint_last_duration_seconds: processGauge(
    'seconds',
    'Time to write the last checkpoint, beside the running job.',
  ),
  velo_checkpoint_last_pause_seconds: processGauge(
    'seconds',
    'Time that the job stood still for the last checkpoint.',
  ),
  velo_checkpoint_longest_pause_seconds: processGauge(
    'seconds',
    'The longest that the job stood still for a checkpoint.',
  ),
  velo_transactions_total: processCounter(
    'none',
    'Transactions committed, of rows that are seen with their checkpoint.',
  ),
  velo_transaction_failures_total: processCounter(
    'none',
    'Transactions that could not be committed, and were taken back.',
  ),
  velo_transaction_last_duration_seconds: processGauge(
    'seconds',
    'Time from the checkpoint that is on disk to the rows that are seen.',
  ),
  velo_checkpoint_last_state_bytes: processGauge('bytes', 'State in the last checkpoint.'),
  velo_checkpoint_last_written_bytes: processGauge(
    'bytes',
    'What was written for the last checkpoint; files that did not change are linked.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

export const OPERATOR_METRICS = {
  velo_operator_state_rows: operatorGauge(
    'rows',
    'Entries of the operator in the last checkpoint, all partitions.',
  ),
  velo_operator_state_bytes: operatorGauge(
    'bytes',
    'Size of the operator in the last checkpoint, all partitions.',
  ),
} as const satisfies Record<string, CatalogueEntry>;

export const JOB_METRICS = {
  velo_job_state: jobState('none', '1 for the state that the job is in, 0 for the others.'),
  velo_job_restarts_total: processCounter(
    'none',
    'Crashes that the job went on after, at its last checkpoint.',
  ),
  velo_state_limit_share: processGauge(
    'none',
    'State as a share of state.max_rows or state.max_bytes, whichever is closer.',
  ),
  velo_job_rescales_total: processCounter(
    'none',
    'Times that the running job went on with other partitions or workers.',
  ),
  velo_job_rebalances_total: processCounter(
    'none',
    'Times that key groups went off a partition that had stayed hot.',
  ),
  velo_job_rescale_last_pause_seconds: processGauge(
    'seconds',
    'Time that the job stood still for the last rescale or rebalance.',
  ),
  process_cpu_seconds_total: processCounter('seconds', 'User and system CPU time of the process.'),
  process_resident_memory_bytes: processGauge('bytes', 'Resident memory of the process.'),
  process_start_time_seconds: processGauge('seconds', 'Start of the process as Unix time.'),
} as const satisfies Record<string, CatalogueEntry>;

export type PartitionMetric = keyof typeof PARTITION_METRICS;
export type WorkerMetric = keyof typeof WORKER_METRICS;
export type QueryMetric = keyof typeof QUERY_METRICS;
export type CheckpointMetric = keyof typeof CHECKPOINT_METRICS;
export type OperatorMetric = keyof typeof OPERATOR_METRICS;
export type JobMetric = keyof typeof JOB_METRICS;
