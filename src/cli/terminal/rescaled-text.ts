/** How a running job that was cut anew is told of, by the job itself and by `velo job rescale`. */
import type { RebalanceRemark } from '../../job/rebalancing.js';
import type { RescaledAnswer } from '../../job/control/control-messages.js';
import type { RebalancedJob } from '../../job/recut.js';
import { sizeText } from './state-text.js';
import { countText } from './terminal.js';

/** `rescaled from 4 to 8 partitions at epoch 42: 1,234,567 rows of state (48.0 MiB) moved, …` */
export function rescaledText(rescaled: RescaledAnswer): string {
  const { from, to } = rescaled;
  const changes: string[] = [];
  if (from.partitions !== to.partitions) {
    changes.push(`from ${from.partitions} to ${to.partitions} partitions`);
  }
  if (from.workers !== to.workers) changes.push(`from ${from.workers} to ${to.workers} workers`);
  return `rescaled ${changes.join(' and ')}${placeText(rescaled)}: ${movedText(rescaled)}`;
}

/** `rebalanced: 96 key groups off partition 3 (90 % → 31 % of rows) at epoch 42: 210,000 rows …` */
export function rebalancedText(job: RebalancedJob | RebalanceRemark): string {
  if (job.kind === 'remark') {
    const { partition, share } = job;
    return `partition ${partition} stays hot: one key group has ${percentText(share)} of the rows, and cannot be split`;
  }
  const { keyGroups, partition, shareBefore, shareAfter, cut } = job;
  const groups = `${keyGroups} key ${keyGroups === 1 ? 'group' : 'groups'}`;
  const shares = `${percentText(shareBefore)} → ${percentText(shareAfter)} of rows`;
  return `rebalanced: ${groups} off partition ${partition} (${shares})${placeText(cut)}: ${movedText(cut)}`;
}

function placeText({ epoch }: RescaledAnswer): string {
  return epoch === null ? '' : ` at epoch ${epoch}`;
}

function movedText({ movedRows, movedBytes, pauseMs }: RescaledAnswer): string {
  const rows = `${countText(movedRows)} ${movedRows === 1 ? 'row' : 'rows'} of state`;
  const pause = `the job stood still for ${(pauseMs / 1000).toFixed(2)} s`;
  return `${rows} (${sizeText(movedBytes)}) moved, ${pause}`;
}

function percentText(share: number): string {
  return `${Math.round(share * 100)} %`;
}
