/** Types of kafka-cluster.mjs; the comments are there. Nodes are numbered from 1. */
import type { KafkaBroker } from './kafka-broker.mjs';

export interface ClusterPartition {
  readonly partition: number;
  /** Node; -1 while there is none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

export interface KafkaCluster {
  readonly nodes: readonly KafkaBroker[];
  /** All addresses, for 'properties.bootstrap.servers'. */
  readonly brokers: string;
  createTopic(
    topic: string,
    partitions: number,
    configs?: Readonly<Record<string, string>>,
  ): Promise<void>;
  kill(id: number): Promise<void>;
  start(id: number): Promise<void>;
  partitions(topic: string): Promise<readonly ClusterPartition[]>;
  abdicated(topic: string, id: number): Promise<void>;
  inSync(topic: string): Promise<void>;
  moveLeaders(topic: string): Promise<void>;
  limitConsumers(bytesPerSecond: number | null): Promise<void>;
  stop(): Promise<void>;
  log(): string;
}

export function startKafkaCluster(): Promise<KafkaCluster>;
