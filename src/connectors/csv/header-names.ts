/**
 * Names in the header line of a CSV file: one of its own for each field, and which field a declared
 * column is. Owns only names; finding the line is file-start.ts's.
 */

/**
 * A column of its own for each field: an empty name becomes that of its place (column0), one that
 * is there before, in any case, gets a number (a, a_1, a_2).
 */
export function distinctNames(names: readonly string[]): string[] {
  const given = new Set(names.map((name) => name.toLowerCase()));
  const taken = new Set<string>();
  return names.map((name, index) => {
    const wanted = name === '' ? `column${index}` : name;
    let distinct = wanted;
    for (let number = 1; taken.has(distinct.toLowerCase()); number += 1) {
      const next = `${wanted}_${number}`;
      // The name that another field has by itself stays that field's.
      if (!given.has(next.toLowerCase())) distinct = next;
    }
    taken.add(distinct.toLowerCase());
    return distinct;
  });
}

/** Each says less of a name than the one before. */
const READINGS: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name.trim().toLowerCase(),
  (name) =>
    name
      .trim()
      .toLowerCase()
      .replace(/[\s._-]+/g, '_'),
];

/**
 * The field that each column is, as the header names it: the same name, else the only one that
 * differs in case or blanks around it, else in what stands between words ("Order ID" is order_id).
 * null: there is none.
 */
export function sameNames(
  columns: readonly string[],
  fields: readonly string[],
): (string | null)[] {
  return columns.map((column) => {
    for (const reading of READINGS) {
      const wanted = reading(column);
      const found = fields.filter((field) => reading(field) === wanted);
      if (found.length === 1 || (found.length > 1 && found.includes(column)))
        return found[0] ?? null;
    }
    return null;
  });
}
