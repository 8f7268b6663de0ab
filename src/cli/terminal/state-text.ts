/** Ages and sizes of state as every command spells them: `3 min 5 s`, `31.3 KiB`. */
import { countText } from './terminal.js';

const NOW = 'now';
const SECOND_MS = 1000;
const AGE_UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** `12 s`, `3 min 5 s`, `2 d 4 h`: the two largest units. */
export function ageText(ms: number): string {
  let seconds = Math.floor(ms / SECOND_MS);
  if (!(seconds >= 1)) return NOW;
  const parts: string[] = [];
  for (const [unit, size] of AGE_UNITS) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0) parts.push(`${countText(count)} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}

/** `12 s ago`, `now`. */
export function agoText(ms: number): string {
  const age = ageText(ms);
  return age === NOW ? age : `${age} ago`;
}

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function sizeText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < SIZE_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(unit === 0 || size >= 100 ? 0 : 1)} ${SIZE_UNITS[unit] ?? ''}`;
}
