/**
 * Where a worker thread starts: loads worker-loop.ts, which works on the jobs that it is sent. A
 * message that comes before it is there waits.
 */
void import('./worker-loop.js');
