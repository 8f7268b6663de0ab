/**
 * Kafka's Java clients as a process: compiles java/JavaClient.java once for each of its versions
 * into the cache, starts it, and passes commands and answers. What the commands do is said there.
 * Types are in java-client.d.mts.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { CACHE_FOLDER, JAVA_FOLDER } from './java.mjs';
import { KAFKA_CACHE, kafkaClassPath } from './kafka-broker.mjs';

const run = promisify(execFile);
const SOURCE = join(JAVA_FOLDER, 'JavaClient.java');
const JVM = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** Process ids to end when this process ends without closing its clients. */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export async function startJavaClient(brokers) {
  const classPath = await kafkaClassPath();
  const classes = await compiledClasses(classPath);
  const logging = `-Dlog4j2.configurationFile=${join(JAVA_FOLDER, 'kafka-log4j2.properties')}`;
  const path = `${classes}:${classPath}`;
  return new JavaClient(spawn('java', [...JVM, logging, '-cp', path, 'JavaClient', brokers]));
}

class JavaClient {
  constructor(child) {
    this.child = child;
    this.log = '';
    running.add(child);
    this.gone = new Promise((resolve) => {
      child.once('exit', () => {
        running.delete(child);
        resolve(null);
      });
    });
    child.stderr.on('data', (chunk) => {
      this.log = (this.log + chunk.toString('utf8')).slice(-4_000);
    });
    this.answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** One command at a time. Resolves with the numbers of its answer. */
  async command(name, values) {
    const words = Object.entries(values).map(([key, value]) => `${key}=${value}`);
    this.child.stdin.write(`${[name, ...words].join(' ')}\n`);
    for (;;) {
      const line = await Promise.race([this.answers.next(), this.gone]);
      if (line === null || line.done) throw new Error(`the Java client ended: ${this.log}`);
      if (line.value.startsWith('failed ')) throw new Error(`${name}: ${line.value} ${this.log}`);
      // Other lines are the log.
      if (line.value.startsWith('done ')) return numbersOf(line.value);
      this.log += `${line.value}\n`;
    }
  }

  async close() {
    this.child.stdin.end();
    this.child.kill('SIGKILL');
    await this.gone;
  }
}

function numbersOf(answer) {
  const pairs = answer
    .split(' ')
    .slice(1)
    .filter((word) => word.includes('='));
  return Object.fromEntries(
    pairs.map((pair) => pair.split('=')).map(([name, value]) => [name, Number(value)]),
  );
}

/** Several processes may compile at once: the first rename wins. */
async function compiledClasses(classPath) {
  const version = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 12);
  const folder = join(CACHE_FOLDER, KAFKA_CACHE);
  const target = join(folder, `java-client-${version}`);
  if (existsSync(target)) return target;
  const partial = join(folder, `java-client-${process.pid}-${Date.now()}`);
  mkdirSync(partial, { recursive: true });
  await run('javac', ['-encoding', 'UTF-8', '-cp', classPath, '-d', partial, SOURCE]);
  try {
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}
