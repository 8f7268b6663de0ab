/**
 * A client of a schema registry (Confluent's HTTP API): schemas by id with what they refer to, the
 * latest of a subject, registering. Owns the cache by id, retries while the registry is away and
 * what the user is told about it; requests are registry-request.ts, options schema-options.ts.
 *
 *   GET  /schemas/ids/{id}                          a schema that records name
 *   GET  /subjects/{subject}/versions/{version}     what it refers to; `latest` of a subject
 *   POST /subjects/{subject}/versions               registers, or finds, a schema to write with
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../../base/clock.js';
import { ConnectorError } from '../../../base/errors.js';
import type {
  SchemaDefinition,
  SchemaLanguage,
  SchemaReference,
  WriterSchema,
} from '../../../formats/message/wire-schema.js';
import { requestJson } from './registry-request.js';
import type { RegistryAnswer } from './registry-request.js';
import type { RegistryEndpoint } from '../settings/schema-options.js';

const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 2_000;
/** One request's share of the time that the registry may be away. */
const REQUEST_MS_MAX = 5_000;
/** How long an id counts as unknown before it is asked for again. */
const UNKNOWN_KEPT_MS = 30_000;
const REFERENCE_DEPTH_MAX = 32;

const LANGUAGES: Readonly<Record<string, SchemaLanguage>> = {
  AVRO: 'avro',
  PROTOBUF: 'protobuf',
  JSON: 'json',
};

export interface RegistryTalk {
  readonly clock: Clock;
  /** Lines about a registry that goes away and comes back. */
  readonly notice: (line: string) => void;
}

export class SchemaRegistry {
  private readonly endpoint: RegistryEndpoint;
  private readonly talk: RegistryTalk;
  private readonly closing = new AbortController();
  private readonly byId = new Map<number, WriterSchema>();
  private readonly unknownSinceNs = new Map<number, number>();
  private away = false;

  constructor(endpoint: RegistryEndpoint, talk: RegistryTalk) {
    this.endpoint = endpoint;
    this.talk = talk;
  }

  /** What was answered about the id before; undefined: ask lookUp(). */
  known(id: number): WriterSchema | undefined {
    const sinceNs = this.unknownSinceNs.get(id);
    if (sinceNs !== undefined) {
      if (this.talk.clock.monotonicNs() - sinceNs < UNKNOWN_KEPT_MS * 1e6) return this.byId.get(id);
      this.unknownSinceNs.delete(id);
      this.byId.delete(id);
    }
    return this.byId.get(id);
  }

  /**
   * The schema of the id, for known() too; one without a definition where the registry knows none.
   * Waits for a registry that is away. Throws ConnectorError SCHEMA_REGISTRY when it stays away
   * longer than the endpoint's limit, SCHEMA_REGISTRY_REFUSED when it answers but not with schemas.
   */
  async lookUp(id: number): Promise<WriterSchema> {
    const known = this.known(id);
    if (known !== undefined) return known;
    const answer = await this.ask(`/schemas/ids/${id}`);
    if (answer.status === 404) {
      this.unknownSinceNs.set(id, this.talk.clock.monotonicNs());
      const fault = `the registry at ${this.endpoint.urls.join(', ')} does not know`;
      return this.keep({ id, definition: null, fault });
    }
    return this.keep({ id, definition: await this.definition(answer), fault: '' });
  }

  /** The newest schema of a subject, or null where the registry has none. Throws as lookUp(). */
  async latest(subject: string): Promise<WriterSchema | null> {
    const answer = await this.ask(`/subjects/${encodeURIComponent(subject)}/versions/latest`);
    if (answer.status === 404) return null;
    const id = Number(answer.body['id']);
    return this.keep({ id, definition: await this.definition(answer), fault: '' });
  }

  /**
   * Registers a schema without references under a subject, if it is not there yet; its id. Throws
   * as lookUp(), SCHEMA_REGISTRY_REFUSED also for one that does not fit the subject's others.
   */
  async register(subject: string, { language, text }: SchemaDefinition): Promise<number> {
    const schemaType = language.toUpperCase();
    const body = JSON.stringify(
      language === 'avro' ? { schema: text } : { schema: text, schemaType },
    );
    const answer = await this.ask(`/subjects/${encodeURIComponent(subject)}/versions`, body);
    const id = answer.body['id'];
    if (answer.status < 400 && typeof id === 'number') return id;
    throw this.refused(`subject "${subject}" does not take the schema`, answer);
  }

  /** Ends requests under way: they fail. */
  close(): void {
    this.closing.abort();
  }

  private keep(schema: WriterSchema): WriterSchema {
    this.byId.set(schema.id, schema);
    return schema;
  }

  private async definition(answer: RegistryAnswer): Promise<SchemaDefinition> {
    const references = new Map<string, SchemaReference>();
    await this.collect(answer.body['references'], references, 0);
    const { schema: text, schemaType } = answer.body;
    const language = LANGUAGES[typeof schemaType === 'string' ? schemaType : 'AVRO'];
    if (typeof text !== 'string' || language === undefined) {
      throw this.refused('an answer holds no schema that velo knows', answer);
    }
    return { language, text, references: [...references.values()] };
  }

  /** Takes the schemas that `list` names in, each behind those that it refers to itself. */
  private async collect(
    list: unknown,
    into: Map<string, SchemaReference>,
    depth: number,
  ): Promise<void> {
    if (!Array.isArray(list)) return;
    for (const each of list as readonly unknown[]) {
      const { name, subject, version } = referenceOf(each);
      if (into.has(name)) continue;
      const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`;
      const answer = await this.ask(path);
      const text = answer.body['schema'];
      if (answer.status === 404 || typeof text !== 'string' || depth > REFERENCE_DEPTH_MAX) {
        throw this.refused(`a schema refers to version ${version} of "${subject}"`, answer);
      }
      await this.collect(answer.body['references'], into, depth + 1);
      into.set(name, { name, text });
    }
  }

  /** An answer with a status below 400, or 404 in the API's own words, or to a POST any of 4xx. */
  private async ask(path: string, body: string | null = null): Promise<RegistryAnswer> {
    const { clock } = this.talk;
    const { urls, timeoutMs } = this.endpoint;
    const deadlineNs = clock.monotonicNs() + timeoutMs * 1e6;
    let pauseMs = PAUSE_MS_MIN;
    for (let attempt = 0; ; attempt += 1) {
      const leftMs = Math.max((deadlineNs - clock.monotonicNs()) / 1e6, 1);
      const answer = await requestJson(this.endpoint, {
        url: `${urls[attempt % urls.length] ?? ''}${path}`,
        body,
        timeoutMs: Math.min(leftMs, REQUEST_MS_MAX),
        signal: this.closing.signal,
      });
      if (answer.kind === 'answer') {
        this.isBack();
        if (answer.status < 400 || (answer.isApi && (answer.status === 404 || body !== null))) {
          return answer;
        }
        throw this.refused('it does not answer with schemas', answer);
      }
      if (!answer.passing) throw this.refused(answer.reason, null);
      if (clock.monotonicNs() + pauseMs * 1e6 > deadlineNs) throw this.stayedAway(answer.reason);
      // The other addresses first: they may be up.
      if ((attempt + 1) % urls.length !== 0) continue;
      this.isAway(answer.reason);
      await pause(pauseMs, undefined, { signal: this.closing.signal });
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
    }
  }

  private isAway(reason: string): void {
    if (this.away) return;
    this.away = true;
    this.talk.notice(
      `schema registry ${this.endpoint.urls.join(', ')} is away (${reason}), retrying …`,
    );
  }

  private isBack(): void {
    if (!this.away) return;
    this.away = false;
    this.talk.notice(`schema registry ${this.endpoint.urls.join(', ')} is back`);
  }

  private stayedAway(reason: string): ConnectorError {
    const { label, urls, timeoutMs } = this.endpoint;
    return new ConnectorError('SCHEMA_REGISTRY', {
      message: `schema registry ${urls.join(', ')} of ${label} does not answer: ${reason}`,
      detail: `velo tried for ${timeoutMs / 1000} s`,
      hint: 'check its address and that it runs',
    });
  }

  private refused(what: string, answer: RegistryAnswer | null): ConnectorError {
    const { label, urls } = this.endpoint;
    const said = answer?.body['message'];
    const status = answer === null ? '' : ` (status ${answer.status})`;
    return new ConnectorError('SCHEMA_REGISTRY_REFUSED', {
      message: `schema registry ${urls.join(', ')} of ${label}: ${what}${status}`,
      detail: typeof said === 'string' ? said : undefined,
      hint: refusalHint(answer?.status),
    });
  }
}

function refusalHint(status: number | undefined): string {
  switch (status) {
    case 401:
    case 403:
      return "check 'basic-auth.user-info' or 'bearer-auth.token' of the format";
    case 409:
      return "write the columns of the subject's schema, or change the compatibility of the subject";
    default:
      return "check the format's 'url' and options";
  }
}

function referenceOf(value: unknown): { name: string; subject: string; version: number } {
  const fields = typeof value === 'object' && value !== null ? value : {};
  const name = 'name' in fields ? String(fields.name) : '';
  const subject = 'subject' in fields ? String(fields.subject) : '';
  const version = 'version' in fields ? Number(fields.version) : -1;
  return { name, subject, version };
}
