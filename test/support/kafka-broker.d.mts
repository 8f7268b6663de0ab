/** Types of kafka-broker.mjs; the comments are there. */
export interface KafkaBrokerOptions {
  /** Further lines of server.properties, or other values for the ones set. */
  readonly properties?: Readonly<Record<string, string | number>>;
  /** JVM options. Default: a heap of at most 512 MB, quick to start; slow under load. */
  readonly jvmOptions?: readonly string[];
  /** Listeners beside the plain one, on ports of the caller. */
  readonly listeners?: readonly {
    readonly protocol: 'SSL' | 'SASL_SSL' | 'SASL_PLAINTEXT';
    readonly port: number;
  }[];
  /** Nodes of one cluster share it. Default: a new one. */
  readonly clusterId?: string;
  /** Further arguments of the storage tool: users that exist from the first start on. */
  readonly formatArguments?: readonly string[];
}

export class KafkaBroker {
  /** Its process is started by start(). `ports`: for clients, for the controller. */
  constructor(
    classPath: string,
    ports: readonly [port: number, controllerPort: number],
    options: KafkaBrokerOptions,
  );
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

/** Folder of Kafka's jars in the cache. */
export const KAFKA_CACHE: string;

export function startKafkaBroker(options?: KafkaBrokerOptions): Promise<KafkaBroker>;
/** The class path of broker and clients; the first call on a machine downloads the jars. */
export function kafkaClassPath(): Promise<string>;
export function newClusterId(): string;
export function createTopics(brokers: string, topics: readonly TopicRequest[]): Promise<void>;
export function deleteTopic(brokers: string, topic: string): Promise<void>;
export function freePorts(count: number): Promise<number[]>;
