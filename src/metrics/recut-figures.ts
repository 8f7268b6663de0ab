/** How often a running job was cut into other partitions, as plain data for whoever shows it. */

export interface RecutFigures {
  /** Onto another number of partitions or workers, because somebody asked for it. */
  readonly rescales: number;
  /** Key groups went off a partition that had stayed hot. */
  readonly rebalances: number;
  /** How long the job stood still for the last one, in milliseconds. */
  readonly lastPauseMs: number;
}
