/**
 * Types of what tests take from the build: jobs with workers run on dist, where the workers' entry
 * is. Each module has the types of the source it is made of; owns only that list.
 */
declare module '*/dist/base/clock.js' {
  export * from '#source/base/clock.js';
}
declare module '*/dist/base/errors.js' {
  export * from '#source/base/errors.js';
}
declare module '*/dist/bench/scenario/expectation.js' {
  export * from '#source/bench/scenario/expectation.js';
}
declare module '*/dist/bench/scenario/group-places.js' {
  export * from '#source/bench/scenario/group-places.js';
}
declare module '*/dist/bench/scenario/scenario.js' {
  export * from '#source/bench/scenario/scenario.js';
}
declare module '*/dist/cli/terminal/exit-code.js' {
  export * from '#source/cli/terminal/exit-code.js';
}
declare module '*/dist/cli/terminal/error-text.js' {
  export * from '#source/cli/terminal/error-text.js';
}
declare module '*/dist/columnar/byte-room.js' {
  export * from '#source/columnar/byte-room.js';
}
declare module '*/dist/job/state-memory.js' {
  export * from '#source/job/state-memory.js';
}
declare module '*/dist/connectors/sink.js' {
  export * from '#source/connectors/sink.js';
}
declare module '*/dist/connectors/stream-sink.js' {
  export * from '#source/connectors/stream-sink.js';
}
declare module '*/dist/formats/encoder-choice.js' {
  export * from '#source/formats/encoder-choice.js';
}
declare module '*/dist/job.js' {
  export * from '#source/job.js';
}
declare module '*/dist/metrics/partition-metrics.js' {
  export * from '#source/metrics/partition-metrics.js';
}
declare module '*/dist/metrics/prometheus.js' {
  export * from '#source/metrics/prometheus.js';
}
declare module '*/dist/plan/pipeline/pipeline-plan.js' {
  export * from '#source/plan/pipeline/pipeline-plan.js';
}
declare module '*/dist/processors/job-processor.js' {
  export * from '#source/processors/job-processor.js';
}
declare module '*/dist/processors/partitioned/job-settings.js' {
  export * from '#source/processors/partitioned/job-settings.js';
}
declare module '*/dist/processors/partitioned/main/coordinator.js' {
  export * from '#source/processors/partitioned/main/coordinator.js';
}
declare module '*/dist/processors/partitioned/main/job-snapshots.js' {
  export * from '#source/processors/partitioned/main/job-snapshots.js';
}
declare module '*/dist/job/checkpointing.js' {
  export * from '#source/job/checkpointing.js';
}
declare module '*/dist/processors/query-accounts.js' {
  export * from '#source/processors/query-accounts.js';
}
declare module '*/dist/state/snapshot.js' {
  export * from '#source/state/snapshot.js';
}
declare module '*/dist/state/values/distinct-sketch.js' {
  export * from '#source/state/values/distinct-sketch.js';
}
