/**
 * A schema registry for tests: Confluent's HTTP API over a real socket, as much of it as clients
 * use. Owns subjects, versions, ids and credentials; it can be made to fail.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RegistryReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

interface Entry {
  readonly id: number;
  readonly subject: string;
  readonly version: number;
  readonly schema: string;
  readonly schemaType: string;
  readonly references: readonly RegistryReference[];
}

export class TestRegistry {
  /** `METHOD path` of every request, in order. */
  readonly requests: string[] = [];
  /** Status of the answers to come, instead of what they would be. */
  failWith: number | null = null;
  /** `user:password` that requests must bring. */
  credentials: string | null = null;
  /** Subjects that take no further version: registries say so of what is not compatible. */
  readonly closed = new Set<string>();
  private readonly entries: Entry[] = [];
  private server: Server | null = null;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens; again on the same port after stop(). */
  start(): Promise<void> {
    const server = createServer((request, response) => {
      void this.answer(request, response);
    });
    this.server = server;
    return new Promise((resolve) => {
      server.listen(this.port, '127.0.0.1', () => {
        // Checked boundary: a server that listens on TCP has such an address.
        this.port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return Promise.resolve();
    server.closeAllConnections();
    return new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
    });
  }

  /** The id of the schema, registered as a new version of the subject if it is not there. */
  register(
    subject: string,
    schema: string,
    schemaType = 'AVRO',
    references: readonly RegistryReference[] = [],
  ): number {
    const known = this.entries.find((each) => each.subject === subject && each.schema === schema);
    if (known !== undefined) return known.id;
    const version = this.entries.filter((each) => each.subject === subject).length + 1;
    const same = this.entries.find((each) => each.schema === schema);
    const id = same?.id ?? new Set(this.entries.map((each) => each.id)).size + 1;
    this.entries.push({ id, subject, version, schema, schemaType, references });
    return id;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? '';
    this.requests.push(`${request.method ?? ''} ${path}`);
    const [status, body] = this.reply(request, path, Buffer.concat(chunks).toString());
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
    response.end(JSON.stringify(body));
  }

  private reply(request: IncomingMessage, path: string, body: string): [number, unknown] {
    if (this.failWith !== null) return [this.failWith, { message: 'made to fail' }];
    const { credentials } = this;
    const expected = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`;
    if (credentials !== null && request.headers.authorization !== expected) {
      return [401, { error_code: 401, message: 'Unauthorized' }];
    }
    if (path === '/subjects') return [200, [...new Set(this.entries.map((each) => each.subject))]];
    const byId = /^\/schemas\/ids\/(\d+)$/.exec(path);
    if (byId !== null) {
      const entry = this.entries.find((each) => each.id === Number(byId[1]));
      if (entry === undefined) return [404, { error_code: 40403, message: 'Schema not found' }];
      return [200, schemaBody(entry)];
    }
    const subject = /^\/subjects\/([^/]+)\/versions(?:\/(\w+))?$/.exec(path);
    if (subject === null) return [404, { error_code: 404, message: 'HTTP 404 Not Found' }];
    const name = decodeURIComponent(subject[1] ?? '');
    if (request.method === 'POST') return this.post(name, body);
    const versions = this.entries.filter((each) => each.subject === name);
    const wanted = subject[2] === 'latest' ? versions.length : Number(subject[2]);
    const entry = versions[wanted - 1];
    if (entry === undefined) return [404, { error_code: 40401, message: 'Subject not found' }];
    return [200, { ...schemaBody(entry), subject: name, id: entry.id, version: entry.version }];
  }

  private post(subject: string, body: string): [number, unknown] {
    const { schema, schemaType } = JSON.parse(body) as { schema: string; schemaType?: string };
    const known = this.entries.some((each) => each.subject === subject && each.schema === schema);
    if (this.closed.has(subject) && !known) {
      const message = 'Schema being registered is incompatible with an earlier schema';
      return [409, { error_code: 409, message }];
    }
    return [200, { id: this.register(subject, schema, schemaType ?? 'AVRO') }];
  }
}

/** As the registry does: the type of Avro and empty references are left out. */
function schemaBody({ schema, schemaType, references }: Entry): Record<string, unknown> {
  return {
    schema,
    ...(schemaType === 'AVRO' ? {} : { schemaType }),
    ...(references.length === 0 ? {} : { references }),
  };
}

/** The bytes of a framed record: magic byte, id, value. */
export function framed(id: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, value]);
}
