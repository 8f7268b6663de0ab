/**
 * A real Kafka broker for tests, peer benchmarks and acceptance runs: Kafka 4.0 in KRaft mode on
 * free loopback ports, its data in a temporary folder. Owns its life: start, wait until it
 * answers, SIGTERM or SIGKILL by process id, start again on the same ports and data. Producing
 * and consuming are the callers' business, creating topics is here.
 *
 * Plain JavaScript, so that the tests and compile-free scripts share it; types are in
 * kafka-broker.d.mts. Jars and missing tools are java.mjs.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { JAVA_FOLDER, resolveClassPath } from './java.mjs';

/** Folder of the jars in the cache. */
export const KAFKA_CACHE = 'kafka-4.0.0';
/** Several nodes that start at once on a busy machine take their time. */
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 15_000;
/** For short lives: little memory, and no second compiler. Benchmarks pass their own. */
const QUICK_JVM = ['-Xmx512m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

const run = promisify(execFile);

/** Process ids to end when this process ends without stopping its brokers. */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a broker and waits until it answers. */
export async function startKafkaBroker(options = {}) {
  const broker = new KafkaBroker(await kafkaClassPath(), await freePorts(2), options);
  await broker.start();
  return broker;
}

/** The jars of Kafka: broker and clients. */
export function kafkaClassPath() {
  return resolveClassPath({ pom: join(JAVA_FOLDER, 'kafka-pom.xml'), cacheName: KAFKA_CACHE });
}

/** A new cluster id. A leading '-' would look like an option of the storage tool. */
export function newClusterId() {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}

export class KafkaBroker {
  constructor(classPath, [port, controllerPort], options) {
    this.port = port;
    this.brokers = `localhost:${port}`;
    this.folder = mkdtempSync(join(tmpdir(), 'velo-kafka-'));
    this.jvmOptions = options.jvmOptions ?? QUICK_JVM;
    this.classPath = classPath;
    this.clusterId = options.clusterId ?? newClusterId();
    this.formatArguments = options.formatArguments ?? [];
    this.formatted = false;
    this.child = null;
    this.propertiesFile = join(this.folder, 'server.properties');
    this.logFile = join(this.folder, 'broker.log');
    const { listeners = [] } = options;
    const properties = brokerProperties({ port, controllerPort, listeners, folder: this.folder });
    const lines = Object.entries({ ...properties, ...options.properties });
    writeFileSync(this.propertiesFile, lines.map(([key, value]) => `${key}=${value}\n`).join(''));
  }

  /** Process id of the running broker, or null. */
  get pid() {
    return this.child === null ? null : this.child.pid;
  }

  /** Starts the process (again, on the same ports and data) and waits until it answers. */
  async start() {
    if (this.child !== null) throw new Error('the broker is running already');
    if (!this.formatted) await this.formatStorage();
    const log = openSync(this.logFile, 'a');
    const args = this.javaArguments('kafka.Kafka', [this.propertiesFile]);
    const child = spawn('java', args, { stdio: ['ignore', log, log] });
    closeSync(log);
    running.add(child);
    this.child = child;
    child.once('exit', () => {
      running.delete(child);
      if (this.child === child) this.child = null;
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await answersApiVersions(this.port))) {
      if (this.child === null || Date.now() > deadline) {
        throw new Error(`the Kafka broker did not start:\n${tail(this.logFile)}`);
      }
      await delay(50);
    }
  }

  /** Ends the process with `signal` and waits until it is gone; its data stays. */
  async kill(signal) {
    const { child } = this;
    if (child === null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const lastResort = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(lastResort);
  }

  /** Ends the process and removes its data; nothing is lost that anybody would read again. */
  async stop() {
    await this.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the broker wrote (warnings and errors), last lines. */
  log() {
    return tail(this.logFile);
  }

  async formatStorage() {
    const format = ['format', '-t', this.clusterId, '-c', this.propertiesFile];
    const args = [...format, ...this.formatArguments];
    try {
      await run('java', this.javaArguments('kafka.tools.StorageTool', args));
    } catch (cause) {
      const reason = `${cause.stdout}${cause.stderr}`;
      throw new Error(`the storage of the Kafka broker cannot be formatted: ${reason}`, { cause });
    }
    this.formatted = true;
  }

  javaArguments(mainClass, args) {
    const logging = `-Dlog4j2.configurationFile=${join(JAVA_FOLDER, 'kafka-log4j2.properties')}`;
    return [...this.jvmOptions, logging, '-cp', this.classPath, mainClass, ...args];
  }
}

/**
 * Creates topics and waits until the broker knows their leaders. node-rdkafka is loaded here, not
 * at the top: starting a broker does not need it.
 */
export async function createTopics(brokers, topics) {
  const { default: kafka } = await import('node-rdkafka');
  const admin = kafka.AdminClient.create({ 'bootstrap.servers': brokers });
  try {
    for (const { topic, partitions = 1, config = {} } of topics) {
      const request = { topic, num_partitions: partitions, replication_factor: 1, config };
      await new Promise((resolve, reject) => {
        admin.createTopic(request, 10_000, (error) => (error ? reject(error) : resolve()));
      });
    }
  } finally {
    admin.disconnect();
  }
}

export async function deleteTopic(brokers, topic) {
  const { default: kafka } = await import('node-rdkafka');
  const admin = kafka.AdminClient.create({ 'bootstrap.servers': brokers });
  try {
    await new Promise((resolve, reject) => {
      admin.deleteTopic(topic, 10_000, (error) => (error ? reject(error) : resolve()));
    });
  } finally {
    admin.disconnect();
  }
}

/** Free loopback ports, all different. Somebody else may take one before it is used. */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function brokerProperties({ port, controllerPort, listeners, folder }) {
  const clients = [{ protocol: 'PLAINTEXT', port }, ...listeners];
  const addresses = clients.map((each) => `${each.protocol}://localhost:${each.port}`).join(',');
  const protocols = clients.map(({ protocol }) => `${protocol}:${protocol}`).join(',');
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@localhost:${controllerPort}`,
    listeners: `${addresses},CONTROLLER://localhost:${controllerPort}`,
    'advertised.listeners': addresses,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `${protocols},CONTROLLER:PLAINTEXT`,
    'log.dirs': join(folder, 'data'),
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'num.partitions': 4,
    // Records with old timestamps are test data, not garbage.
    'log.retention.ms': -1,
    // A killed broker may register again only when its old session has run out.
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 500,
  };
}

/**
 * Whether a broker at `port` answers an ApiVersions request (key 18, version 0). A connection
 * alone proves nothing: the port opens before requests are served.
 */
function answersApiVersions(port) {
  const request = Buffer.alloc(14);
  request.writeInt32BE(10, 0);
  request.writeInt16BE(18, 4);
  request.writeInt32BE(1, 8);
  request.writeInt16BE(-1, 12);
  return new Promise((resolve) => {
    const socket = connect({ port, host: 'localhost' });
    const answer = (value) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(2_000, () => answer(false));
    socket.once('error', () => answer(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.write(request));
    socket.once('data', (bytes) => answer(bytes.length >= 10 && bytes.readInt16BE(8) === 0));
  });
}

function tail(file) {
  return readFileSync(file, 'utf8').split('\n').slice(-30).join('\n');
}
