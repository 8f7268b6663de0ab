/**
 * Where a worker thread starts: loads worker-loop.ts, which works on the jobs that it is sent. Owns
 * only that its modules are read with few open files; a message that comes meanwhile waits.
 */
import { limitModuleReads } from '../../../base/module-reads.js';

limitModuleReads();
await import('./worker-loop.js');
