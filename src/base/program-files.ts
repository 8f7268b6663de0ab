/**
 * Where the files of this package stand: what is beside the code, and where its threads and processes
 * start. The same for the modules as they were compiled (dist/base, src/base in tests) and for the
 * bundle of them (dist/bundle), which the command runs: both are two folders below the package.
 */
const HERE = import.meta.url;
/** The folder with package.json. */
export const PACKAGE_ROOT = new URL('../../', HERE);

/** Whether this is the bundle: its threads and processes are, too. */
const IS_BUNDLE = HERE.startsWith(new URL('dist/bundle/', PACKAGE_ROOT).href);

/** Where a worker thread starts. */
export const THREAD_ENTRY = new URL(
  IS_BUNDLE ? 'dist/start/thread.js' : 'dist/processors/partitioned/worker/worker-entry.js',
  PACKAGE_ROOT,
);

/** Where the process of a trial starts. */
export const TRIAL_ENTRY = new URL(
  IS_BUNDLE ? 'dist/start/measured.js' : 'dist/bench/trial.js',
  PACKAGE_ROOT,
);
