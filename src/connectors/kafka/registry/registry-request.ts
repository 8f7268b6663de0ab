/**
 * One HTTP request to a schema registry: its time limit, TLS and credentials, and what of its
 * failures may pass. Owns no retries; the API's paths and answers are schema-registry.ts.
 */
import http from 'node:http';
import https from 'node:https';
import type { RequestOptions } from 'node:https';
import type { RegistryEndpoint } from '../settings/schema-options.js';

export interface RegistryRequest {
  readonly url: string;
  /** JSON to POST; null: a GET. */
  readonly body: string | null;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface RegistryAnswer {
  readonly kind: 'answer';
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The body is JSON: a registry said it, not some other server at its address. */
  readonly isApi: boolean;
}

export interface RegistryMiss {
  readonly kind: 'miss';
  readonly reason: string;
  /** Another try may do: nobody listens, it is starting, it is busy. */
  readonly passing: boolean;
}

const BODY_BYTES_MAX = 64 << 20;
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';

/** Never rejects but for an aborted signal. */
export async function requestJson(
  endpoint: RegistryEndpoint,
  request: RegistryRequest,
): Promise<RegistryAnswer | RegistryMiss> {
  const limit = AbortSignal.timeout(Math.ceil(request.timeoutMs));
  try {
    const { status, text } = await exchange(endpoint, request, limit);
    if (status >= 500 || status === 429 || status === 408) {
      return { kind: 'miss', reason: `status ${status}`, passing: true };
    }
    const body = parsed(text);
    return { kind: 'answer', status, body: body ?? {}, isApi: body !== null };
  } catch (error) {
    request.signal.throwIfAborted();
    if (limit.aborted) return { kind: 'miss', reason: 'no answer in time', passing: true };
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'miss', reason: message === '' ? code : message, passing: !isTlsRefusal(code) };
  }
}

function exchange(
  { authorization, tls }: RegistryEndpoint,
  { url, body, signal }: RegistryRequest,
  limit: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const headers: Record<string, string> = { accept: `${CONTENT_TYPE}, application/json` };
  if (authorization !== null) headers['authorization'] = authorization;
  if (body !== null) headers['content-type'] = CONTENT_TYPE;
  const options: RequestOptions = {
    method: body === null ? 'GET' : 'POST',
    headers,
    // Requests are few: a connection kept open would keep the process alive.
    agent: false,
    signal: AbortSignal.any([signal, limit]),
    ...tls,
  };
  return new Promise((resolve, reject) => {
    const client = url.startsWith('https:') ? https : http;
    const request = client.request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > BODY_BYTES_MAX) request.destroy(new Error('the answer is too large'));
      });
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    request.on('error', reject);
    request.end(body ?? undefined);
  });
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    // Checked boundary: an object of JSON.
    return value as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** A certificate that is not trusted now will not be in a second. */
function isTlsRefusal(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL|ERR_OSSL/.test(code);
}
