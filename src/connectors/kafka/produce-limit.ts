/**
 * The 'max.message.bytes' of a topic, for the error that names it: DescribeConfigs (version 1) as
 * bytes, asked once, over the connection that refused a record. Nobody waits for it while it works.
 *
 *   request:   [type i8 | name | [config]] | with synonyms i8
 *   response:  throttle ms i32 | [error i16 | message | type i8 | name | [config | value | …]]
 */
import { ResponseReader } from './produce-wire.js';
import type { ProduceConnection } from './produce-leader.js';

const DESCRIBE_CONFIGS = { key: 32, version: 1 } as const;
const TOPIC = 2;
const LIMIT = 'max.message.bytes';

/** null: it is not known, because the user may not ask or the broker went away. */
export async function topicByteLimit(
  connection: ProduceConnection,
  topic: string,
): Promise<number | null> {
  const { key, version } = DESCRIBE_CONFIGS;
  try {
    const frame = await connection.request(key, version, limitRequest(topic), false);
    try {
      return limitIn(new ResponseReader(frame.bytes, frame.from, frame.to));
    } finally {
      frame.release();
    }
  } catch {
    // The record is refused all the same, and that is what the user has to know.
    return null;
  }
}

function limitRequest(topic: string): Uint8Array {
  const count = Buffer.alloc(4);
  count.writeInt32BE(1);
  return Buffer.concat([count, Buffer.of(TOPIC), text(topic), count, text(LIMIT), Buffer.of(0)]);
}

function limitIn(reader: ResponseReader): number | null {
  reader.skip(4 + 4);
  const errorCode = reader.int16();
  reader.text();
  reader.skip(1);
  reader.text();
  if (errorCode !== 0 || reader.int32() !== 1) return null;
  reader.text();
  const limit = Number(reader.text());
  return Number.isSafeInteger(limit) && limit > 0 ? limit : null;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
