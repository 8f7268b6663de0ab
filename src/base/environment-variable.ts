/**
 * A variable of the environment as SQL texts name it: `${NAME}`. Owns nothing but the look-up; what
 * is a setting among them is the command line's business.
 */

/** Names that every object has are none. */
export function environmentVariable(name: string): string | undefined {
  return Object.hasOwn(process.env, name) ? process.env[name] : undefined;
}
