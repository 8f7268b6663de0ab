/**
 * The one redactor: what must not be shown of a text that is printed or written anywhere but into a
 * sink. Owns which names hold secrets and the forms in which they turn up (options, addresses,
 * JAAS lines), and the secrets of this process: a value that was learnt is hidden in every text,
 * whoever words it, brokers included. Who prints calls redact(); who reads settings, learn*().
 */

/** What stands in place of a secret. */
export const HIDDEN = '***';

/** Shorter values are hidden by their names alone: as plain text they are in any word. */
const LEARNT_LENGTH_MIN = 4;

const SECRET_NAME =
  /pass(?:word|wd|phrase)|secret|jaas|credential|user-?info|api[-_.]?key|access[-_.]?key|auth(?:orization)?[-_.]?(?:key|header)|private[-_.]?key|bearer|(?:^|[-_.])tokens?$|oauthbearer\.(?:config|extensions)|ssl\.key\.pem|keystore\.key$/i;
/** Names that sound alike and hold a place, a kind or a number. */
const OPEN_NAME =
  /credentials?[-_.]source|\.location$|\.file$|\.url$|\.uri$|\.method$|\.type$|\.provider$|\.class$|\.ms$|\.(?:factor|seconds)$/i;

const learnt = new Set<string>();

/** Whether the setting of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !OPEN_NAME.test(name);
}

/** From here on the value is hidden wherever it turns up. */
export function learnSecret(value: string): void {
  const text = value.trim();
  if (text.length < LEARNT_LENGTH_MIN || /^(?:true|false|none|null)$/i.test(text)) return;
  if (text.startsWith('${') || text === HIDDEN) return;
  learnt.add(text);
}

/** Learns what a setting holds: all of a secret one, the secret parts of another. */
export function learnSetting(name: string, value: string): void {
  if (isSecretName(name)) {
    learnSecret(value);
    for (const [, quoted] of value.matchAll(JAAS_VALUE)) learnSecret(quoted ?? '');
  }
  learnSecretsOf(value);
}

/** Learns the secrets that a text writes down in one of the known forms. */
export function learnSecretsOf(text: string): void {
  for (const { pattern, secretOf } of FORMS) {
    for (const match of text.matchAll(pattern)) {
      const secret = secretOf(match);
      if (secret === null) continue;
      learnSecret(secret);
      learnSecret(decoded(secret));
    }
  }
}

/** A setting as it may be shown. */
export function redactSetting(name: string, value: string): string {
  return isSecretName(name) && value !== '' ? HIDDEN : redact(value);
}

/** A text as it may be shown. */
export function redact(text: string): string {
  return hidden(text, secretRanges(text), { start: 0, end: text.length });
}

/** Half-open, in order, without overlaps. */
export interface SecretRange {
  readonly start: number;
  readonly end: number;
}

/** Where a text holds secrets. */
export function secretRanges(text: string): readonly SecretRange[] {
  const found: SecretRange[] = [];
  for (const { pattern, secretOf } of FORMS) {
    for (const match of text.matchAll(pattern)) {
      const secret = secretOf(match);
      if (secret === null || secret === '' || secret.startsWith('${')) continue;
      const start = match.index + match[0].lastIndexOf(secret);
      found.push({ start, end: start + secret.length });
    }
  }
  for (const secret of learnt) {
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + secret.length)) {
      found.push({ start: at, end: at + secret.length });
    }
  }
  return merged(found.sort((a, b) => a.start - b.start));
}

function merged(ranges: readonly SecretRange[]): SecretRange[] {
  const apart: SecretRange[] = [];
  for (const range of ranges) {
    const last = apart.at(-1);
    if (last === undefined || range.start >= last.end) apart.push(range);
    else apart[apart.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
  }
  return apart;
}

/** A part of a text, with its secrets hidden; a secret that reaches out of it is hidden too. */
export function hidden(
  text: string,
  secrets: readonly SecretRange[],
  part: { readonly start: number; readonly end: number },
): string {
  let shown = '';
  let done = part.start;
  for (const { start, end } of secrets) {
    if (end <= part.start || start >= part.end) continue;
    shown += text.slice(done, Math.max(start, done)) + HIDDEN;
    done = Math.min(end, part.end);
  }
  return shown + text.slice(done, part.end);
}

/** The same for every text in plain data, and for values under secret names. */
export function redactData<T>(value: T): T {
  return redactedValue('', value) as T;
}

function redactedValue(name: string, value: unknown): unknown {
  if (typeof value === 'string') return redactSetting(name, value);
  if (Array.isArray(value)) return value.map((item) => redactedValue(name, item));
  if (value === null || typeof value !== 'object') return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  // An option of the syntax tree names itself.
  const own = (value as { readonly key?: unknown }).key;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      redactedValue(key === 'value' && typeof own === 'string' ? own : key, part),
    ]),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface SecretForm {
  readonly pattern: RegExp;
  /** null: this one holds none. */
  readonly secretOf: (match: readonly (string | undefined)[]) => string | null;
}

/** Lengths are bounded, so that each text is read in linear time. */
const JAAS_VALUE =
  /\b\w{0,40}?(?:password|secret|token)\w{0,40}\s{0,9}=\s{0,9}["']?([^\s"';&]{1,9999})/gi;

const named = (match: readonly (string | undefined)[]): string | null =>
  isSecretName(match[1] ?? '') ? (match[2] ?? null) : null;

const FORMS: readonly SecretForm[] = [
  // 'name' = 'value', "name": "value"
  { pattern: /'([\w.-]{1,160})'\s{0,99}[=:]\s{0,99}'((?:[^']|''){0,19999})'/g, secretOf: named },
  {
    pattern: /"([\w.-]{1,160})"[ \t]{0,9}[=:][ \t]{0,9}"((?:[^"\\\n]|\\.){0,19999})"/g,
    secretOf: named,
  },
  // ?name=value&name=value
  { pattern: /[?&]([\w.%-]{1,160})=([^&\s'"#]{0,19999})/g, secretOf: named },
  // scheme://user:password@host
  {
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/([^\s/'"@]{0,999}(?:@[^\s/'"@]{0,999}){0,9})@/gi,
    secretOf: ([, info]) => info ?? null,
  },
  // password="…" of a JAAS line
  { pattern: JAAS_VALUE, secretOf: ([, value]) => value ?? null },
  // name=value, name: value
  {
    pattern: /(?<![\w.-])([\w.-]{4,80})[ \t]{0,9}[=:][ \t]{0,9}([^\s'",;&]{1,9999})/g,
    secretOf: named,
  },
];
