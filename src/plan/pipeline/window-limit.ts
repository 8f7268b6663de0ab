/**
 * How many windows a record falls into. Owns the limit that keeps a small step under a large size
 * (HOPPING 1 day by 1 ms) from costing millions of results a record; what a window is, is bound.
 */
import type { Span } from '../../base/span.js';
import type { FaultCollector } from '../faults.js';
import type { WindowSpec } from '../window-spec.js';

export function checkWindowsPerRecord(
  faults: FaultCollector,
  window: WindowSpec,
  limit: { readonly span: Span; readonly windowsPerRecordMax: number },
): void {
  const { span, windowsPerRecordMax } = limit;
  const count = windowsPerRecord(window);
  if (count <= windowsPerRecordMax) return;
  const name = window.kind === 'cumulate' ? 'CUMULATE' : window.kind.toUpperCase();
  faults.report('WINDOW_INVALID', {
    message: `this ${name} window puts a record into ${count} windows, more than ${windowsPerRecordMax}`,
    span,
    hint: `take a larger step, or allow it: SET 'windows.per-record-max' = '${count}'`,
  });
}

function windowsPerRecord(window: WindowSpec): number {
  switch (window.kind) {
    case 'tumbling':
    case 'session':
      return 1;
    case 'hopping':
      return Math.ceil(window.sizeMs / window.advanceMs);
    case 'cumulate':
      return window.sizeMs / window.stepMs;
  }
}
