/**
 * Settings of a topic: DescribeConfigs (version 1) as bytes, for one of them. Owns the request and
 * what 'max.message.bytes' and 'cleanup.policy' are; who may not ask, or gets no answer, is told
 * null. Nobody waits for it while records flow.
 *
 *   request:   [type i8 | name | [config]] | with synonyms i8
 *   response:  throttle ms i32 | [error i16 | message | type i8 | name | [config | value | …]]
 */
import { ResponseReader } from './answer-reader.js';
import type { WireConnection } from './wire-connection.js';

const DESCRIBE_CONFIGS = { key: 32, version: 1 } as const;
const TOPIC = 2;
type Asked = Pick<WireConnection, 'request'>;

/** The most bytes that a batch of the topic may have; null: it is not known. */
export async function topicByteLimit(connection: Asked, topic: string): Promise<number | null> {
  const limit = Number(await topicSetting(connection, topic, 'max.message.bytes'));
  return Number.isSafeInteger(limit) && limit > 0 ? limit : null;
}

/** Whether records may have gone from the midst of the log; null: it is not known. */
export async function isTopicCompacted(connection: Asked, topic: string): Promise<boolean | null> {
  const policy = await topicSetting(connection, topic, 'cleanup.policy');
  return policy === null ? null : policy.split(',').some((part) => part.trim() === 'compact');
}

async function topicSetting(
  connection: Asked,
  topic: string,
  name: string,
): Promise<string | null> {
  const { key, version } = DESCRIBE_CONFIGS;
  try {
    const frame = await connection.request(key, version, settingRequest(topic, name), false);
    try {
      return settingIn(new ResponseReader(frame.bytes, frame.from, frame.to));
    } finally {
      frame.release();
    }
  } catch {
    // What is asked for explains something else, which is said all the same.
    return null;
  }
}

function settingRequest(topic: string, name: string): Uint8Array {
  const count = Buffer.alloc(4);
  count.writeInt32BE(1);
  return Buffer.concat([count, Buffer.of(TOPIC), text(topic), count, text(name), Buffer.of(0)]);
}

function settingIn(reader: ResponseReader): string | null {
  reader.skip(4 + 4);
  const errorCode = reader.int16();
  reader.text();
  reader.skip(1);
  reader.text();
  if (errorCode !== 0 || reader.int32() !== 1) return null;
  reader.text();
  return reader.text();
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
