/**
 * Why nothing has come out: said once for a query that gave no row for ten seconds. Owns the reasons
 * and their wording, each of which follows from the plan and the job's account; what nobody knows is
 * not said. Time is handed in.
 */
import { timestampText } from '../../functions/time/time-format.js';
import { describeWatermark } from '../../plan/explain/plan-notes.js';
import { pipelineInputs, scansOf } from '../../plan/pipeline/pipeline-plan.js';
import type { PipelineNode, QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import type { JobMetrics, QueryMetrics } from '../../processors/job-processor.js';
import { waitText } from './progress-text.js';
import { countText } from './terminal.js';

/** How long a query may be silent before somebody wonders. */
const HELD_MS = 10_000;

export class HeldOutput {
  private readonly queries: readonly QueryPlan[];
  private readonly say: (line: string) => void;
  /** Since when each query is looked at; null: it gave rows, or its silence was explained. */
  private readonly sinceMs: (number | null | undefined)[] = [];

  constructor(queries: readonly QueryPlan[], say: (line: string) => void) {
    this.queries = queries;
    this.say = say;
  }

  /** Looks at the account of a job that runs; every second or so. */
  observe(nowMs: number, { queries, share, state }: JobMetrics): void {
    if (state !== 'running') return;
    queries.forEach((metrics, at) => {
      const plan = this.queries[at];
      const since = this.sinceMs[at];
      if (plan === undefined || since === null) return;
      if (metrics.rowsOut > 0) this.sinceMs[at] = null;
      else if (since === undefined) this.sinceMs[at] = nowMs;
      else if (nowMs - since >= HELD_MS) {
        this.sinceMs[at] = null;
        const name = this.queries.length > 1 ? `${plan.id}: ` : '';
        const head = `no row after ${waitText(Math.round((nowMs - since) / 1000))}`;
        this.say(`${name}${head}: ${reasonOf(plan, metrics, share)}`);
      }
    });
  }
}

function reasonOf(plan: QueryPlan, metrics: QueryMetrics, share: number | null): string {
  const { rowsRead, rowsFailed, rowsRejected, rowsLateDropped } = metrics;
  const { root } = plan;
  if (rowsRead === 0) return nothingRead(root);
  const all = `all ${countText(rowsRead)} records that were read`;
  if (rowsFailed >= rowsRead) return `${all} failed`;
  if (rowsRejected >= rowsRead) return `WHERE rejects ${all} (100 %)`;
  if (rowsRejected + rowsFailed >= rowsRead) {
    return `of ${all} WHERE rejects ${countText(rowsRejected)}, the others failed`;
  }
  if (rowsRejected + rowsFailed + rowsLateDropped >= rowsRead) {
    const late = `${countText(rowsLateDropped)} of ${countText(rowsRead)} records were late`;
    return rowsRejected === 0
      ? `${late} and dropped`
      : `${late} and dropped, WHERE rejects the others`;
  }
  const waiting = waitingFor(root);
  if (waiting === 'end') {
    const read = share === null ? '' : `; ${Math.floor(100 * share)} % of it are read`;
    return `its rows come at the end of the input${read}`;
  }
  if (waiting === 'watermark') return watermarkReason(root, metrics);
  return `${countText(rowsRead)} records were read, and none has brought about a row`;
}

function nothingRead(root: PipelineNode): string {
  const tables = [...new Set(scansOf(root).map(({ table }) => table))];
  const names = tables.map(({ name, connector }) => `${name} (${connector})`).join(', ');
  const fromLatest = tables.some(
    ({ options }) => options['scan.startup.mode']?.toLowerCase() === 'latest-offset',
  );
  const latest = fromLatest ? "; 'scan.startup.mode' = 'latest-offset' reads new records only" : '';
  return `nothing was read yet of ${names}${latest}`;
}

/** What the last operator that holds rows back waits for. */
function waitingFor(node: PipelineNode): 'end' | 'watermark' | null {
  switch (node.kind) {
    case 'aggregate':
      return node.emission === 'final' ? 'end' : null;
    case 'window-aggregate':
      return node.emission === 'final' ? 'watermark' : null;
    case 'sort':
    case 'final':
      return node.windowEnd === null ? 'end' : 'watermark';
    case 'over':
      return 'watermark';
    case 'limit':
      if (node.counts === 'final') return 'end';
      break;
    default:
  }
  const [input, ...others] = pipelineInputs(node);
  return input === undefined || others.length > 0 ? null : waitingFor(input);
}

function watermarkReason(root: PipelineNode, { partitions, silentSplits }: QueryMetrics): string {
  const marks = partitions.flatMap(({ watermarkMs }) => watermarkMs ?? []);
  const definition = describeWatermark(root);
  const of = definition === null ? '' : ` (${definition})`;
  const stands =
    marks.length === 0
      ? `there is no watermark yet${of}`
      : `the watermark stands at ${timestampText(Math.min(...marks))}${of}`;
  const wait = `rows come when the watermark has passed them; ${stands}`;
  if (silentSplits.length === 0) return wait;
  const noun = silentSplits.length === 1 ? 'source partition' : 'source partitions';
  const has = silentSplits.length === 1 ? 'has' : 'have';
  const some = silentSplits.slice(0, 8).join(', ');
  const more = silentSplits.length > 8 ? ` and ${silentSplits.length - 8} more` : '';
  return `${wait}; ${noun} ${some}${more} ${has} given no record, which holds it back unless 'source.idle-timeout' is set`;
}
