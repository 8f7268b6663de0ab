/**
 * A table's 'properties.*' as they are read one by one. Owns values and what is wrong with them
 * (ConfigError SETTING_INVALID, which never shows a secret), and which names nobody asked for. What
 * the names mean is client-settings.ts and security-settings.ts.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../../base/errors.js';
import type { KafkaEndpoint } from './table-options.js';

/** What a folder of CA certificates may hold; `openssl rehash` makes links that end in .0. */
const CERTIFICATE_FILE = /\.(pem|crt|cer|0)$/;

/** A property that is set, under the name that the table uses. */
export interface GivenProperty {
  readonly name: string;
  readonly value: string;
}

export class ConnectionProperties {
  readonly label: string;
  private readonly values: Readonly<Record<string, string>>;
  private readonly known = new Set<string>();

  constructor({ label, properties }: KafkaEndpoint) {
    this.label = label;
    this.values = properties;
  }

  /** The first of these names that is set; librdkafka's and Java's may differ. */
  given(...names: readonly string[]): GivenProperty | null {
    for (const name of names) this.known.add(name);
    const name = names.find((candidate) => (this.values[candidate] ?? '') !== '');
    return name === undefined ? null : { name, value: this.values[name] ?? '' };
  }

  /** Set to the empty text, which is a value to Java's clients. */
  isEmpty(name: string): boolean {
    return this.values[name] === '';
  }

  text(...names: readonly string[]): string | null {
    return this.given(...names)?.value ?? null;
  }

  whole(names: readonly string[], least: number): number | null {
    const given = this.given(...names);
    if (given === null) return null;
    const number = Number(given.value);
    if (/^\d+$/.test(given.value.trim()) && number >= least && number <= 0x7fffffff) return number;
    throw this.invalid(given, `give a whole number from ${least} on`);
  }

  flag(name: string, preset: boolean): boolean {
    const given = this.given(name);
    switch (given?.value.trim().toLowerCase()) {
      case undefined:
        return preset;
      case 'true':
        return true;
      case 'false':
        return false;
    }
    throw this.invalid(given ?? { name, value: '' }, "use 'true' or 'false'");
  }

  /** One of `values`, whatever its case. */
  choice<T extends string>(name: string, values: readonly T[]): T | null {
    const given = this.given(name);
    if (given === null) return null;
    const wanted = given.value.trim().toLowerCase();
    const found = values.find((value) => value.toLowerCase() === wanted);
    if (found !== undefined) return found;
    const list = values.map((value) => `'${value}'`).join(', ');
    throw this.invalid(given, `use ${list}`);
  }

  /** The bytes of the file that a property names. */
  file(property: GivenProperty): Buffer {
    return this.readable(property, () => readFileSync(property.value));
  }

  /** A PEM file's text, or that of all certificates in a folder. */
  pem(property: GivenProperty): string {
    const text = this.readable(property, () =>
      statSync(property.value).isDirectory()
        ? certificatesIn(property.value)
        : readFileSync(property.value, 'latin1'),
    );
    if (text.includes('-----BEGIN ')) return text;
    throw new ConfigError('SETTING_INVALID', {
      message: `option "properties.${property.name}" of ${this.label} names no PEM file`,
      detail: `"${property.value}" has no line that begins with -----BEGIN`,
      hint: 'convert it to PEM, with openssl or keytool, and name that file',
    });
  }

  required(given: GivenProperty | null, name: string, why: string): string {
    if (given !== null) return given.value;
    throw new ConfigError('SETTING_INVALID', {
      message: `${this.label} with connector "kafka" lacks the option "properties.${name}"`,
      hint: `${why} needs it`,
    });
  }

  /** Names that were asked for so far. */
  get asked(): readonly string[] {
    return [...this.known];
  }

  /** Names that are set and that nobody asked for, less those of `beside`. */
  unknown(beside: ReadonlySet<string>): readonly string[] {
    const { values, known } = this;
    return Object.keys(values).filter((name) => !known.has(name) && !beside.has(name));
  }

  invalid({ name, value }: GivenProperty, hint: string): ConfigError {
    return new ConfigError('SETTING_INVALID', {
      message: `option "properties.${name}" of ${this.label} cannot be "${value}"`,
      hint,
    });
  }

  /** For values that may hold a password. */
  unreadable(name: string, hint: string): ConfigError {
    return new ConfigError('SETTING_INVALID', {
      message: `option "properties.${name}" of ${this.label} cannot be read`,
      hint,
    });
  }

  private readable<T>({ name, value }: GivenProperty, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw new ConfigError('SETTING_INVALID', {
        message: `the file "${value}" of option "properties.${name}" of ${this.label} cannot be read`,
        detail: cause instanceof Error ? cause.message : String(cause),
        hint: 'name a file that velo may read',
        cause,
      });
    }
  }
}

function certificatesIn(folder: string): string {
  const names = readdirSync(folder).filter((name) => CERTIFICATE_FILE.test(name));
  return names.map((name) => readFileSync(join(folder, name), 'latin1')).join('\n');
}
