/**
 * A broker behind a proxy on loopback that sees every request and answer of the clients that come
 * through it, by its API key, and may swallow it: so that a test can act between a request and its
 * answer. Owns the broker's extra listener and the frames; what is done at which frame is the
 * test's.
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { KafkaBroker, freePorts, kafkaClassPath } from './kafka-broker.mjs';

export const API_KEY = {
  produce: 0,
  initProducerId: 22,
  addPartitions: 24,
  addOffsets: 25,
  endTxn: 26,
  txnOffsetCommit: 28,
} as const;

/** false: the frame goes no further. */
export type FrameWatch = (frame: {
  readonly kind: 'request' | 'answer';
  readonly apiKey: number;
}) => boolean;

export class ProxiedBroker {
  readonly broker: KafkaBroker;
  /** The address by which clients go through the proxy. */
  readonly proxied: string;
  /** null: everything passes. */
  watch: FrameWatch | null = null;
  private readonly server: Server;

  static async start(): Promise<ProxiedBroker> {
    const [port = 0, controller = 0, behind = 0] = await freePorts(3);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: front } = server.address() as AddressInfo;
    const own = `PLAINTEXT://localhost:${port}`;
    const broker = new KafkaBroker(await kafkaClassPath(), [port, controller], {
      properties: {
        listeners: `${own},PROXIED://localhost:${behind},CONTROLLER://localhost:${controller}`,
        'advertised.listeners': `${own},PROXIED://127.0.0.1:${front}`,
        'listener.security.protocol.map':
          'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
        // Transactions that their producer left are ended soon.
        'transaction.abort.timed.out.transaction.cleanup.interval.ms': 200,
      },
    });
    await broker.start();
    return new ProxiedBroker(broker, server, behind);
  }

  private constructor(broker: KafkaBroker, server: Server, behind: number) {
    this.broker = broker;
    this.server = server;
    this.proxied = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (client) => this.join(client, behind));
  }

  async stop(): Promise<void> {
    this.server.close();
    await this.broker.stop();
  }

  private join(client: Socket, behind: number): void {
    const broker = connect({ port: behind, host: 'localhost' });
    /** API keys of the requests that are not answered. */
    const asked: number[] = [];
    const passes = (kind: 'request' | 'answer', apiKey: number): boolean =>
      this.watch?.({ kind, apiKey }) ?? true;
    onFrames(client, (frame) => {
      const apiKey = frame.readInt16BE(4);
      if (!passes('request', apiKey)) return;
      asked.push(apiKey);
      broker.write(frame);
    });
    onFrames(broker, (frame) => {
      if (passes('answer', asked.shift() ?? -1)) client.write(frame);
    });
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }
}

/** Calls `take` with each frame, its size in front. */
function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  });
}
