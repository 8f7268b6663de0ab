/**
 * `npm run bench:peers -- --kafka`: starts what dist/bench/peers/peers-kafka.js measures against, a real
 * broker and Flink's class path, runs it and stops the broker again. With --brokers HOST:PORT the
 * broker is somebody else's. Owns these processes; rounds, checks and figures are the other's.
 *
 *   npm run bench:peers -- --kafka [--rounds 3] [--records 5000000] [--codec none|lz4|zstd|all]
 *     [--fetch columnar|librdkafka] [--json FILE] [--brokers HOST:PORT]
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JAVA_FOLDER, missingJavaTools, resolveClassPath } from '../support/java.mjs';
import { startKafkaBroker } from '../support/kafka-broker.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ENTRY = join(HERE, '../../dist/bench/peers/peers-kafka.js');
/** What a broker on a small machine gets: both compilers, and memory for its buffers. */
const BROKER_JVM = ['-Xms1g', '-Xmx1g'];

const args = process.argv.slice(2).filter((arg) => arg !== '--kafka');
const broker = args.includes('--brokers')
  ? null
  : await startKafkaBroker({ jvmOptions: BROKER_JVM });
try {
  const own = broker === null ? [] : ['--brokers', broker.brokers];
  const flink = await flinkArguments();
  process.exitCode = await run([ENTRY, ...own, ...flink, ...args]);
} finally {
  await broker?.stop();
}

/** The class path of Flink and of the program that runs it; nothing where it cannot be made. */
async function flinkArguments() {
  const missing = missingJavaTools();
  if (spawnSync('javac', ['-version']).status !== 0) missing.push('javac');
  if (missing.length > 0) {
    process.stderr.write(`without Flink, because ${missing.join(' and ')} cannot be found\n`);
    return [];
  }
  const jars = await resolveClassPath({
    pom: join(HERE, 'flink-pom.xml'),
    cacheName: 'flink-2.0.0',
  });
  const classes = join(dirname(dirname(jars)), 'classes');
  mkdirSync(classes, { recursive: true });
  cpSync(join(HERE, 'java/META-INF'), join(classes, 'META-INF'), { recursive: true });
  const sources = ['FlinkPeer', 'CountingSink', 'CountingSinkFactory'];
  const compiled = spawnSync(
    'javac',
    ['-cp', jars, '-d', classes, ...sources.map((name) => join(HERE, `java/${name}.java`))],
    { encoding: 'utf8' },
  );
  if (compiled.status !== 0) throw new Error(`FlinkPeer does not compile:\n${compiled.stderr}`);
  const logging = join(JAVA_FOLDER, 'kafka-log4j2.properties');
  return ['--flink-class-path', [classes, jars].join(delimiter), '--flink-logging', logging];
}

function run(argv) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
    // The terminal sends ^C to both; this one waits, so that the broker is stopped.
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
  });
}
