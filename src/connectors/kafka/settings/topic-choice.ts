/**
 * Which topics a table reads: 'topic' names one or several, 'topic-pattern' is a regular expression
 * for whole names, both as in Flink. Owns how they are written and what they match; which topics a
 * cluster has is topic-set.ts's question. Matching takes time in proportion to the name.
 */
import { PatternFault, RegularExpression } from '../../../functions/pattern/regular-expression.js';

/** Each has connections and queues of its own. */
export const TOPICS_MAX = 100;

export type TopicChoice =
  | { readonly kind: 'one'; readonly name: string }
  | { readonly kind: 'list'; readonly names: readonly string[] }
  | { readonly kind: 'pattern'; readonly pattern: TopicPattern };

/** What names of topics are made of; another sign is a slip, or a pattern. */
const NAME = /^[\w.-]{1,249}$/;
const FLAGS = /^\(\?[ims]+\)/;

/** Topics that match a regular expression from their first sign to the last. */
export class TopicPattern {
  readonly text: string;
  private readonly expression: RegularExpression;

  /** Throws PatternFault. */
  constructor(text: string) {
    this.text = text;
    // By itself first: a fault is that of what the user wrote.
    new RegularExpression(text);
    const flags = FLAGS.exec(text)?.[0] ?? '';
    this.expression = new RegularExpression(`${flags}^(?:${text.slice(flags.length)})$`);
  }

  /** Topics of the cluster's own, such as __consumer_offsets, never match. */
  matches({ name, internal }: NamedTopic): boolean {
    return !internal && !name.startsWith('__') && this.expression.test(name);
  }
}

/** A topic as the cluster lists it. */
export interface NamedTopic {
  readonly name: string;
  readonly internal: boolean;
}

/** `a;b;c`, each once; a text says what to write instead. */
export function topicNames(value: string): readonly string[] | { readonly hint: string } {
  const names = value.split(';').map((name) => name.trim());
  if (names.includes('')) return { hint: "name a topic, or several: 'orders;returns'" };
  if (names.length > TOPICS_MAX) return { hint: `name ${TOPICS_MAX} topics at most` };
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) return { hint: `"${twice}" is named twice` };
  if (names.length === 1) return names;
  const odd = names.find((name) => !NAME.test(name));
  if (odd === undefined) return names;
  return { hint: `"${odd}" is no name of a topic; 'topic-pattern' takes a regular expression` };
}

/** The pattern, or why it is none. */
export function topicPattern(value: string): TopicPattern | { readonly hint: string } {
  if (value === '') return { hint: "write a regular expression, such as 'orders-.*'" };
  if (value.includes(' ')) {
    return { hint: 'names of topics have no spaces; in an address write + as %2B' };
  }
  try {
    return new TopicPattern(value);
  } catch (error) {
    if (!(error instanceof PatternFault)) throw error;
    return { hint: error.hint === undefined ? error.message : `${error.message}: ${error.hint}` };
  }
}
