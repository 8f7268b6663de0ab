/**
 * The text of velo.yaml → a layer of settings. Every fault names the key, its line and what to
 * write. Owns the shape of the document (levels, unknown keys); what a value may be is
 * configuration-schema.ts, finding the file configuration.ts.
 */
import { isAlias, isMap, isScalar, parseDocument } from 'yaml';
import type { Document, YAMLMap } from 'yaml';
import type { ConfigError } from '../../base/errors.js';
import type { SourceText } from '../../base/errors.js';
import { lineColumnAt } from '../../base/span.js';
import type { Span } from '../../base/span.js';
import { closest } from '../../sql/suggest.js';
import { configError, entryOf, settingOfFlag } from './configuration-layers.js';
import type { Entry, Layer, Place } from './configuration-layers.js';
import { isSettingKey, keysBelow, SETTING_KEYS } from './configuration-schema.js';
import type { SettingKey } from './configuration-schema.js';

/** Throws ConfigError CONFIG_INVALID. */
export function yamlLayer(source: SourceText): Layer {
  const document = parseDocument(source.text, { prettyErrors: false });
  const [fault] = document.errors;
  if (fault !== undefined) {
    const [start, end] = fault.pos;
    const [first = '', ...rest] = fault.message;
    throw configError(placeOf(source, { start, end }), {
      message: `the file is no YAML: ${first.toLowerCase()}${rest.join('')}`,
    });
  }
  const layer = new Map<SettingKey, Entry>();
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return layer;
  if (!isMap(contents)) {
    throw configError(placeOf(source, spanOf(contents)), {
      message: 'the file is no map of settings',
      hint: 'write a setting on each line, like num_partitions: 8',
    });
  }
  readLevel({ source, document, layer }, contents, '');
  return layer;
}

interface Reading {
  readonly source: SourceText;
  readonly document: Document;
  readonly layer: Map<SettingKey, Entry>;
}

/** Reads the keys of one level; `path` names it, '' the document. */
function readLevel(reading: Reading, level: YAMLMap, path: string): void {
  const { source, document, layer } = reading;
  for (const { key, value } of level.items) {
    const name = isScalar(key) ? String(key.value) : 'a nested key';
    const full = path === '' ? name : `${path}.${name}`;
    const keyPlace = placeOf(source, spanOf(key));
    const target = isAlias(value) ? value.resolve(document) : value;
    if (isSettingKey(full)) {
      const place = hasRange(value) ? placeOf(source, spanOf(value)) : keyPlace;
      layer.set(full, entryOf(full, plainValue(value, reading, place), place));
    } else if (keysBelow(full).length === 0) {
      throw unknownKey(keyPlace, name, path);
    } else if (isMap(target)) {
      readLevel(reading, target, full);
    } else {
      throw configError(keyPlace, {
        message: `"${full}" takes settings of its own`,
        hint: `write ${keysBelow(full).join(', ')} below it, indented`,
      });
    }
  }
}

/** A value of YAML as plain data. */
function plainValue(value: unknown, { document }: Reading, place: Place): unknown {
  if (typeof value !== 'object' || value === null || !('toJS' in value)) return null;
  try {
    return (value as { toJS(document: Document): unknown }).toJS(document);
  } catch (error) {
    throw configError(place, { message: `the value cannot be read: ${(error as Error).message}` });
  }
}

function unknownKey(place: Place, name: string, path: string): ConfigError {
  const known = keysBelow(path);
  const elsewhere = SETTING_KEYS.find((key) => key.endsWith(`.${name}`));
  const meant = closest(name, known) ?? settingOfFlag(name) ?? elsewhere;
  return configError(place, {
    message: `setting "${path === '' ? name : `${path}.${name}`}" does not exist`,
    hint: meant === undefined ? `settings are ${known.join(', ')}` : `did you mean "${meant}"?`,
  });
}

function hasRange(node: unknown): node is { readonly range: readonly [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}

function spanOf(node: unknown): Span {
  if (!hasRange(node)) return { start: 0, end: 1 };
  const [start, end] = node.range;
  return { start, end: Math.max(end, start + 1) };
}

/** What is missing at the end of a file is missing at its end, not behind it. */
function placeOf(source: SourceText, { start, end }: Span): Place {
  const { length } = source.text;
  const span = { start: Math.min(start, length), end: Math.min(end, length) };
  const { line } = lineColumnAt(source.text, span.start);
  return { origin: `${source.name}:${line}`, code: 'CONFIG_INVALID', source, span };
}
