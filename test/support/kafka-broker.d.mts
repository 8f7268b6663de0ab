/** Types of kafka-broker.mjs; the comments are there. */
export interface KafkaBrokerOptions {
  /** Further lines of server.properties, or other values for the ones set. */
  readonly properties?: Readonly<Record<string, string | number>>;
  /** JVM options. Default: a heap of at most 512 MB, quick to start; slow under load. */
  readonly jvmOptions?: readonly string[];
}

export interface KafkaBroker {
  /** The address for 'properties.bootstrap.servers'. */
  readonly brokers: string;
  readonly port: number;
  readonly pid: number | null;
  /** Temporary folder with properties, data and log. */
  readonly folder: string;
  start(): Promise<void>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  stop(): Promise<void>;
  log(): string;
}

export interface TopicRequest {
  readonly topic: string;
  /** 1 by default. */
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export function startKafkaBroker(options?: KafkaBrokerOptions): Promise<KafkaBroker>;
export function createTopics(brokers: string, topics: readonly TopicRequest[]): Promise<void>;
export function deleteTopic(brokers: string, topic: string): Promise<void>;
export function freePorts(count: number): Promise<number[]>;
