/**
 * What the broker on loopback answers a member of a group, in the versions that librdkafka asks for:
 * every member is the leader of a group of its own, and gets the whole topic. Owns the layout of
 * these answers; where they are sent from is loopback-broker.ts.
 */
import { AnswerFields } from './answer-fields.js';
import type { AnswerField } from './answer-fields.js';

/** Keys of the questions that only a member asks. */
export const GROUP_API = { joinGroup: 11, heartbeat: 12, leaveGroup: 13, syncGroup: 14 } as const;
export type GroupApi = keyof typeof GROUP_API;

/** The latest versions without tagged fields: librdkafka asks for these. */
export const GROUP_VERSION: Readonly<Record<GroupApi, number>> = {
  joinGroup: 5,
  heartbeat: 3,
  leaveGroup: 1,
  syncGroup: 3,
};
/** From this version on FindCoordinator is asked by velo itself. */
const COORDINATORS_VERSION = 4;
const MEMBER = 'velo-1';
const GENERATION = 1;

export interface GroupTopic {
  readonly name: string;
  readonly partitions: number;
}

export function groupAnswer(
  api: GroupApi,
  topic: GroupTopic,
  subscription: readonly [string, Buffer] | null,
): readonly AnswerField[] {
  const fields = new AnswerFields().i32('throttle', 0).i16('error', 0);
  switch (api) {
    case 'joinGroup': {
      const [strategy, metadata] = subscription ?? ['range', Buffer.alloc(0)];
      fields.i32('generation', GENERATION).plainText('strategy', strategy);
      fields.plainText('leader', MEMBER).plainText('member', MEMBER).i32('members', 1);
      fields.plainText('first member', MEMBER).plainText('instance', null);
      return fields.plainBytes('subscription', subscribed(metadata)).all;
    }
    case 'syncGroup':
      return fields.plainBytes('assignment', assigned(topic)).all;
    case 'heartbeat':
    case 'leaveGroup':
      return fields.all;
  }
}

/** FindCoordinator: the broker itself. */
export function coordinatorAnswer(version: number, port: number): readonly AnswerField[] {
  const fields = new AnswerFields().i32('throttle', 0);
  if (version < COORDINATORS_VERSION) {
    fields.i16('error', 0).plainText('message', null).i32('node', 1);
    return fields.plainText('host', '127.0.0.1').i32('port', port).all;
  }
  fields.count('coordinators', 1).text('key', 'g').i32('node', 1);
  fields.text('host', '127.0.0.1').i32('port', port).i16('error', 0);
  return fields.text('message', null).end().end().all;
}

/** Whether the header of an answer has tags: FindCoordinator has them from version 3 on. */
export function coordinatorTagged(version: number): boolean {
  return version >= 3;
}

/** Of a JoinGroup request: the strategy it names first, and what it says of itself. */
export function subscriptionIn(bytes: Buffer, from: number): readonly [string, Buffer] {
  let at = from;
  const skipText = (): void => {
    at += 2 + Math.max(0, bytes.readInt16BE(at));
  };
  skipText(); // group
  at += 8; // session and rebalance timeout
  skipText(); // member
  skipText(); // instance
  skipText(); // type of protocol
  at += 4; // how many strategies
  const name = bytes.toString('utf8', at + 2, at + 2 + bytes.readInt16BE(at));
  skipText();
  return [name, bytes.subarray(at + 4, at + 4 + bytes.readInt32BE(at))];
}

/** What a member said of itself, taken apart as far as librdkafka reads it by lengths. */
function subscribed(metadata: Buffer): AnswerFields {
  const fields = new AnswerFields();
  let at = 0;
  const take = (size: number): Buffer => metadata.subarray(at, (at += size));
  fields.raw('version', take(2)).raw('topics', take(4));
  const length = take(2);
  fields.raw('topic length', length).raw('topic', take(length.readInt16BE(0)));
  return fields.raw('user data and owned partitions', metadata.subarray(at));
}

function assigned({ name, partitions }: GroupTopic): AnswerFields {
  const fields = new AnswerFields().i16('version', 0).i32('topics', 1).plainText('topic', name);
  fields.i32('partitions', partitions);
  for (let partition = 0; partition < partitions; partition += 1) {
    fields.i32('partition', partition);
  }
  return fields.i32('user data', -1);
}
