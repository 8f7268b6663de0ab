/**
 * Branded numbers for what must not mix. Brands vanish at runtime; values get theirs here or
 * where input is parsed.
 */

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** Milliseconds since the epoch, UTC. */
export type EventTimeMs = Branded<number, 'EventTimeMs'>;
/** A length of time in milliseconds. */
export type DurationMs = Branded<number, 'DurationMs'>;

export const eventTimeMs = (value: number): EventTimeMs => value as EventTimeMs;
export const durationMs = (value: number): DurationMs => value as DurationMs;
