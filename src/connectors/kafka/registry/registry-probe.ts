/**
 * Whether a schema registry answers, for who asks before there is a job: one request for the names
 * of its subjects. Owns the judgement of the answer; credentials are in no message.
 */
import { ConnectorError } from '../../../base/errors.js';
import type { RegistryEndpoint } from '../settings/schema-options.js';
import { requestJson } from './registry-request.js';

const FORBIDDEN: readonly number[] = [401, 403];

/**
 * The number of subjects, of the first address that answers. Throws SCHEMA_REGISTRY where none does,
 * SCHEMA_REGISTRY_REFUSED where what answers is no registry or refuses.
 */
export async function probeRegistry(endpoint: RegistryEndpoint): Promise<number> {
  const reasons: string[] = [];
  for (const url of endpoint.urls) {
    const answer = await requestJson(endpoint, {
      url: `${url}/subjects`,
      body: null,
      timeoutMs: endpoint.timeoutMs / endpoint.urls.length,
      signal: new AbortController().signal,
    });
    if (answer.kind === 'miss') reasons.push(`${url}: ${answer.reason}`);
    else return subjectsOf(url, answer);
  }
  throw new ConnectorError('SCHEMA_REGISTRY', {
    message: `the schema registry at ${endpoint.urls.join(', ')} does not answer`,
    detail: reasons.join('; '),
    hint: 'check the address, and that the registry runs',
  });
}

function subjectsOf(
  url: string,
  {
    status,
    body,
    isApi,
  }: { readonly status: number; readonly body: unknown; readonly isApi: boolean },
): number {
  if (status < 400 && Array.isArray(body)) return body.length;
  const refuses = FORBIDDEN.includes(status);
  throw new ConnectorError('SCHEMA_REGISTRY_REFUSED', {
    message: refuses
      ? `the schema registry at ${url} refuses the user (status ${status})`
      : `what answers at ${url} is no schema registry`,
    detail: refuses
      ? undefined
      : `it answers status ${status} ${isApi ? 'with other JSON' : 'without JSON'}`,
    hint: refuses
      ? "check 'avro-confluent.basic-auth.user-info', or the user and password in the address"
      : 'give the address of the registry itself, such as http://localhost:8081',
  });
}
