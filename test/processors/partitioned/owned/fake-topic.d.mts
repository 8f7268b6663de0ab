/** Types of fake-topic.mjs; the comments are there. */
export interface TopicRecord {
  readonly id: number;
  readonly k: string;
  readonly d: number;
  readonly ms: number;
}

export function recordAt(partition: number, offset: number): TopicRecord;
