/**
 * `npm run bench:peers`: velo beside DuckDB and a plain loop; with --kafka, beside those who read
 * topics. Owns only which of the two it is.
 */
if (process.argv.includes('--kafka')) await import('./kafka.mjs');
else await import('../../dist/bench/peers/peers.js');
