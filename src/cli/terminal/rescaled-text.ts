/** How a running job that was cut anew is told of, by the job itself and by `velo job rescale`. */
import type { RescaledJob } from '../../job/recut.js';
import { sizeText } from './state-text.js';
import { countText } from './terminal.js';

/** `rescaled from 4 to 8 partitions at epoch 42: 1,234,567 rows of state (48.0 MiB) moved, …` */
export function rescaledText(rescaled: RescaledJob): string {
  const { from, to, epoch, movedRows, movedBytes, pauseMs } = rescaled;
  const changes: string[] = [];
  if (from.partitions !== to.partitions) {
    changes.push(`from ${from.partitions} to ${to.partitions} partitions`);
  }
  if (from.workers !== to.workers) changes.push(`from ${from.workers} to ${to.workers} workers`);
  const place = epoch === null ? '' : ` at epoch ${epoch}`;
  const moved = `${countText(movedRows)} ${movedRows === 1 ? 'row' : 'rows'} of state (${sizeText(movedBytes)}) moved`;
  return `rescaled ${changes.join(' and ')}${place}: ${moved}, the job stood still for ${(pauseMs / 1000).toFixed(2)} s`;
}
