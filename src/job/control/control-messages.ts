/**
 * What is said over the socket of a job: one request and one answer, a line of JSON each, and then
 * the connection ends. Plain data and its check on both sides: the other one may be another velo.
 */
import { z } from 'zod';

/** A request is a few paths long; what is longer is none. */
export const REQUEST_BYTES_MAX = 64 * 1024;

export const requestSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('status') }),
  z.object({ kind: z.literal('checkpoint') }),
  z.object({
    kind: z.literal('rescale'),
    partitions: z.number(),
    /** null: as many as it has. */
    workers: z.number().nullable(),
  }),
  z.object({ kind: z.literal('savepoint'), to: z.string().min(1) }),
  z.object({
    kind: z.literal('stop'),
    savepoint: z.string().min(1).nullable(),
    drain: z.boolean(),
  }),
]);

export type ControlRequest = z.output<typeof requestSchema>;

/** A state that was asked for. */
const writtenSchema = z.object({
  epoch: z.number(),
  /** The folder that has it. */
  folder: z.string(),
  entries: z.number(),
  /** Of state, and of what was written for it. */
  bytes: z.number(),
  bytesWritten: z.number(),
});

const sizeFields = { stateRows: z.number(), stateBytes: z.number() };

const statusSchema = z.object({
  schema: z.literal(1),
  /** As the job was given it. */
  folder: z.string(),
  job: z.string(),
  pid: z.number(),
  velo: z.string(),
  arch: z.enum(['v1', 'v2']),
  partitions: z.number(),
  workers: z.number(),
  state: z.string(),
  startedMs: z.number(),
  restarts: z.number(),
  /** Times that it was cut anew. A job of an older velo does not say. */
  rescales: z.number().default(0),
  rebalances: z.number().default(0),
  rowsIn: z.number(),
  rowsOut: z.number(),
  rowsFailed: z.number(),
  rowsLate: z.number(),
  recordsPerSecond: z.number(),
  /** Records that are there and were not read; null: unknown. */
  lag: z.number().nullable(),
  ...sizeFields,
  queries: z.array(
    z.object({
      query: z.string(),
      rowsIn: z.number(),
      rowsOut: z.number(),
      ...sizeFields,
      partitions: z.array(z.object({ partition: z.number(), rowsIn: z.number(), ...sizeFields })),
    }),
  ),
  checkpoints: z.object({
    intervalMs: z.number(),
    written: z.number(),
    failed: z.number(),
    longestPauseMs: z.number().nullable(),
    transactions: z
      .object({ committed: z.number(), failed: z.number(), lastMs: z.number().nullable() })
      .nullable(),
    /** Of this run; null: there is none yet. */
    last: z
      .looseObject({
        epoch: z.number(),
        takenAtMs: z.number(),
        writeMs: z.number(),
        pauseMs: z.number(),
        entries: z.number(),
        bytes: z.number(),
        bytesWritten: z.number(),
        operators: z
          .array(
            z.object({
              query: z.string(),
              operator: z.string(),
              entries: z.number(),
              bytes: z.number(),
            }),
          )
          .readonly(),
      })
      .nullable(),
  }),
});

export type JobStatus = z.output<typeof statusSchema>;

const stoppedSchema = z.object({
  end: z.string(),
  rowsIn: z.number(),
  rowsOut: z.number(),
  savepoint: writtenSchema.nullable(),
});

export type StoppedJob = z.output<typeof stoppedSchema>;

const placementSchema = z.object({ partitions: z.number(), workers: z.number() });

const rescaledSchema = z.object({
  from: placementSchema,
  to: placementSchema,
  /** null: the state could not be kept. */
  epoch: z.number().nullable(),
  movedRows: z.number(),
  movedBytes: z.number(),
  pauseMs: z.number(),
});

export type RescaledAnswer = z.output<typeof rescaledSchema>;

const errorSchema = z.object({
  key: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});

export const answerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('status'), status: statusSchema }),
  z.object({ kind: z.literal('written'), written: writtenSchema }),
  z.object({ kind: z.literal('rescaled'), rescaled: rescaledSchema }),
  z.object({ kind: z.literal('stopped'), stopped: stoppedSchema }),
  z.object({ kind: z.literal('error'), error: errorSchema }),
]);

export type ControlAnswer = z.output<typeof answerSchema>;
