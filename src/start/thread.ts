/** Where a worker thread of the command starts; what it does is worker-entry.ts, in the bundle. */
import { runBundle } from './kept-code.js';

runBundle('worker');
