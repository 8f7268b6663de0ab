/**
 * How long the state of an operator is kept ('state.ttl'): which operators it is for, and whether
 * the time that it counts is there. Owns the faults of it; what expires when is the operators'.
 */
import { operatorName } from './changelog-mode.js';
import { calcChain } from '../logical/calc-fusion.js';
import type { LogicalAggregate, LogicalNode } from '../logical/logical-plan.js';
import { logicalInputs } from '../logical/logical-plan.js';
import type { BuildServices } from './pipeline-build.js';
import { ttlsOf } from './pipeline-plan.js';
import type { PipelineNode, StateTtl } from './pipeline-plan.js';

/** What a hint or the settings say of an input of an operator; its rows must have the time that is counted. */
export function inputTtl(
  services: BuildServices,
  node: LogicalNode,
  hintMs: number | null | undefined,
): StateTtl | null {
  const { stateTtl, stateTtlTime } = services.settings;
  const ttl = hintMs == null ? stateTtl : hintMs === 0 ? null : { ms: hintMs, time: stateTtlTime };
  if (ttl?.time === 'event') {
    for (const input of logicalInputs(node)) requireClock(services, node, input);
  }
  return ttl;
}

/** EMIT FINAL is of all rows: its groups do not expire. */
export function refuseFinalTtl(services: BuildServices, node: LogicalAggregate): void {
  if (node.ttlMs === undefined) return;
  services.faults.report('TTL_INVALID', {
    message: 'hint STATE_TTL says nothing to EMIT FINAL, which is of all rows',
    span: services.emit?.span ?? node.span,
    hint: 'write EMIT CHANGES, or leave out the hint',
  });
}

/** Of operators that keep their state whatever the settings say. */
export function warnKept(services: BuildServices, node: LogicalNode): void {
  if (services.settings.stateTtl === null) return;
  const name = operatorName(node.kind);
  services.warn(`'state.ttl' says nothing to ${name}: its state is kept for good`);
}

/** Event time comes with the rows of tables that have a WATERMARK, and goes no further than the first operator. */
function requireClock(services: BuildServices, node: LogicalNode, input: LogicalNode): void {
  const { base } = calcChain(input);
  if (base.kind === 'union') {
    for (const branch of base.inputs) requireClock(services, node, branch);
    return;
  }
  const what = `the state of ${operatorName(node.kind)} cannot expire by event time`;
  const hint = "SET 'state.ttl.time' = 'processing'";
  if (base.kind !== 'scan') {
    services.faults.fail('TTL_INVALID', {
      message: `${what}: its rows come from ${operatorName(base.kind)}, behind which there is none`,
      span: node.span,
      hint,
    });
  }
  if (base.table.watermark !== null) return;
  services.faults.fail('TTL_INVALID', {
    message: `${what}: table "${base.table.name}" has no WATERMARK`,
    span: node.span,
    hint: `declare one: WATERMARK FOR column AS column - INTERVAL '5' SECOND, or ${hint}`,
  });
}

const UNITS_MS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** `90 min of event time`. */
function stateTtlText({ ms, time }: StateTtl): string {
  const [unit, each] = UNITS_MS.find(([, size]) => ms % size === 0) ?? ['ms', 1];
  return `${ms / each} ${unit} of ${time} time`;
}

/** `1 h of event time`, of a join `left 3 d of processing time, right none`; null: all is kept for good. */
export function nodeTtlText(node: PipelineNode): string | null {
  const ttls = ttlsOf(node);
  if (ttls.every((ttl) => ttl === null)) return null;
  const texts = ttls.map((ttl) => (ttl === null ? 'none' : stateTtlText(ttl)));
  const [first = '', second] = texts;
  return second === undefined || second === first ? first : `left ${first}, right ${second}`;
}
