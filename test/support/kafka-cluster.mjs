/**
 * A Kafka cluster of several nodes for tests of what goes wrong in one: each node is a process
 * that can be killed and started again, leaders are moved between nodes as an operator does it,
 * and consumers can be slowed down, so that a read lasts as long as a test needs. Owns these acts
 * and waiting until they show; single nodes are kafka-broker.mjs.
 *
 * Every node is broker and controller, so killing one may also take the controller away. Types are
 * in kafka-cluster.d.mts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  Connection,
  Writer,
  alterClientQuotasV1,
  alterPartitionReassignmentsV0,
  createAPI,
  createTopicsV7,
  metadataV12,
} from '@platformatic/kafka';

import { KafkaBroker, freePorts, kafkaClassPath, newClusterId } from './kafka-broker.mjs';

const NODES = 3;
/** Small: there are several of them, beside what is tested. */
const NODE_JVM = ['-Xmx320m', '-Xms96m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const CALL_TIMEOUT_MS = 5_000;
/** How long a change may take until the whole cluster shows it. */
const SETTLE_TIMEOUT_MS = 60_000;
const LOOK_PAUSE_MS = 100;

const NODE_PROPERTIES = {
  'offsets.topic.replication.factor': NODES,
  'transaction.state.log.replication.factor': NODES,
  'default.replication.factor': NODES,
  // Leaders move when a test says so.
  'auto.leader.rebalance.enable': 'false',
  'log.cleaner.dedupe.buffer.size': 8 << 20,
  // A consumer that is slowed down gets something every second or so.
  'quota.window.num': 3,
};

/** Starts the nodes and waits until all of them answer. */
export async function startKafkaCluster() {
  const classPath = await kafkaClassPath();
  const ports = await freePorts(2 * NODES);
  const ids = Array.from({ length: NODES }, (_, at) => at + 1);
  const controllers = ids.map((id) => `${id}@localhost:${ports[NODES + id - 1]}`).join(',');
  const clusterId = newClusterId();
  const nodes = ids.map((id) => {
    const properties = {
      ...NODE_PROPERTIES,
      'node.id': id,
      'controller.quorum.voters': controllers,
    };
    const options = { jvmOptions: NODE_JVM, clusterId, properties };
    return new KafkaBroker(classPath, [ports[id - 1], ports[NODES + id - 1]], options);
  });
  const cluster = new KafkaCluster(nodes);
  try {
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

class KafkaCluster {
  constructor(nodes) {
    this.nodes = nodes;
    this.brokers = nodes.map((node) => node.brokers).join(',');
  }

  /** A topic whose every partition is on every node; resolves when all have leaders. */
  async createTopic(topic, partitions, configs = {}) {
    const request = {
      name: topic,
      numPartitions: partitions,
      replicationFactor: NODES,
      assignments: [],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    };
    await this.call(createTopicsV7.api, [request], CALL_TIMEOUT_MS, false);
    await this.inSync(topic);
  }

  /** Ends the process of a node at once, as a crash does. */
  kill(id) {
    return this.node(id).kill('SIGKILL');
  }

  /** Starts a killed node again, on its ports and data. */
  start(id) {
    return this.node(id).start();
  }

  /** Leader, replicas and those in sync, by partition. */
  async partitions(topic) {
    const { topics } = await this.call(metadataV12.api, [topic], false, false);
    return topics[0].partitions
      .map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => ({
        partition: partitionIndex,
        leader: leaderId,
        replicas: replicaNodes,
        inSync: isrNodes,
      }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** Resolves when no partition is led by the node. */
  async abdicated(topic, id) {
    await this.until(
      topic,
      `node ${id} leads nothing`,
      ({ leader }) => leader > 0 && leader !== id,
    );
  }

  /** Resolves when every node has every record. */
  async inSync(topic) {
    await this.until(topic, 'all replicas are in sync', ({ inSync }) => inSync.length === NODES);
  }

  /** Each partition gets another of its replicas as leader: order, then preferred election. */
  async moveLeaders(topic) {
    const targets = new Map();
    for (const { partition, leader, replicas, inSync } of await this.partitions(topic)) {
      const others = replicas.filter((id) => id !== leader && inSync.includes(id));
      const next = others[partition % others.length];
      if (next === undefined) continue;
      targets.set(partition, [next, ...replicas.filter((id) => id !== next)]);
    }
    const partitions = [...targets].map(([partitionIndex, replicas]) => ({
      partitionIndex,
      replicas,
    }));
    const reordered = [{ name: topic, partitions }];
    await this.call(alterPartitionReassignmentsV0.api, CALL_TIMEOUT_MS, false, reordered);
    await this.call(electPreferredLeaders, [{ name: topic, partitions: [...targets.keys()] }]);
    await this.until(topic, 'the leaders have moved', ({ partition, leader }) => {
      const target = targets.get(partition);
      return target === undefined || target[0] === leader;
    });
  }

  /** What a broker gives each client in a second; null: no limit. */
  async limitConsumers(bytesPerSecond) {
    const key = 'consumer_byte_rate';
    const limit = { key, value: bytesPerSecond, remove: false };
    const ops = [bytesPerSecond === null ? { key, remove: true } : limit];
    // No name: for every client id that has no limit of its own.
    const entities = [{ entityType: 'client-id', entityName: null }];
    await this.call(alterClientQuotasV1.api, [{ entities, ops }], false);
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  /** What the nodes wrote, last lines of each. */
  log() {
    return this.nodes.map((node) => node.log()).join('\n');
  }

  node(id) {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`the cluster has no node ${id}`);
    return node;
  }

  async until(topic, what, holds) {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS;
    let seen = [];
    while (Date.now() < deadline) {
      seen = await this.partitions(topic);
      if (seen.every(holds)) return;
      await delay(LOOK_PAUSE_MS);
    }
    throw new Error(`not within ${SETTLE_TIMEOUT_MS / 1000} s: ${what}: ${JSON.stringify(seen)}`);
  }

  /**
   * Asks any node that runs, again and again until one gives an answer without an error: while
   * leaders and controllers change, refusals are part of the game.
   */
  async call(api, ...request) {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS;
    let failure = new Error('no node runs');
    while (Date.now() < deadline) {
      for (const node of this.nodes.filter(({ pid }) => pid !== null)) {
        try {
          return await callNode(node, api, request);
        } catch (error) {
          failure = error;
        }
      }
      await delay(LOOK_PAUSE_MS);
    }
    throw failure;
  }
}

async function callNode(node, api, request) {
  const connection = new Connection('velo-test', {
    connectTimeout: CALL_TIMEOUT_MS,
    requestTimeout: CALL_TIMEOUT_MS,
  });
  // The call fails of it; without a listener the process would too.
  connection.on('error', () => undefined);
  try {
    await connection.connect('localhost', node.port);
    return await api.async(connection, ...request);
  } finally {
    await connection.close().catch(() => undefined);
  }
}

/**
 * ElectLeaders (key 43), version 2. Errors of single partitions are not looked at: whether the
 * leaders moved shows in the metadata.
 *
 *     request  => election_type INT8 (0: preferred) [name [partition INT32]] timeout_ms INT32
 *     response => throttle_time_ms INT32  error_code INT16  …
 */
const electPreferredLeaders = createAPI(
  43,
  2,
  (topics) =>
    Writer.create()
      .appendInt8(0)
      .appendArray(topics, (topic, { name, partitions }) => {
        topic
          .appendString(name)
          .appendArray(partitions, (list, partition) => list.appendInt32(partition), true, false);
      })
      .appendInt32(CALL_TIMEOUT_MS)
      .appendTaggedFields(),
  (_correlation, _key, _version, reader) => {
    reader.readInt32();
    const code = reader.readInt16();
    if (code !== 0) throw new Error(`ElectLeaders failed with error ${code}`);
  },
);
