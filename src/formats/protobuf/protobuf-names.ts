/**
 * Names in Protobuf schemas that every JavaScript object has ("constructor", "toString"): protobufjs
 * keeps fields, enum values and messages in plain objects, where such a name is lost or found twice.
 * Owns the names that they have inside of protobufjs, and the way back.
 */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));
const SUFFIX = '_own_name';
const OURS = new RegExp(`^(\\w+)${SUFFIX}$`);

/** What the name is inside of protobufjs; of a full name, each part. */
export function innerName(name: string): string {
  return name
    .split('.')
    .map((part) => (INHERITED.has(part) ? `${part}${SUFFIX}` : part))
    .join('.');
}

/** The schema's own name. */
export function ownName(name: string): string {
  const own = OURS.exec(name)?.[1];
  return own !== undefined && INHERITED.has(own) ? own : name;
}

/** Strings and comments stay; every other word is a name or a keyword. */
const WORDS = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\/\/[^\n]*|\/\*[\s\S]*?\*\/|\w+/g;

/** A .proto text with inner names. */
export function withInnerNames(text: string): string {
  return text.replace(WORDS, (word) => (INHERITED.has(word) ? innerName(word) : word));
}

/** Gives all names of a decoded descriptor inner ones. */
export function renameDescriptor(value: unknown): void {
  if (Array.isArray(value)) {
    for (const each of value) renameDescriptor(each);
    return;
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  // Checked boundary: a message of protobufjs, whose own fields are what was in the set.
  const message = value as Record<string, unknown>;
  for (const [key, field] of Object.entries(message)) {
    if (typeof field !== 'string') renameDescriptor(field);
    else if (key === 'name' || key === 'typeName') message[key] = innerName(field);
  }
}
