/**
 * Questions to the broker that coordinates a group or a transactional id. Owns FindCoordinator, and
 * asking again while a coordinator moves, is away or says that something passes, for as long as
 * there is patience. What is asked and what codes mean is group-offsets.ts and transactions/.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { findCoordinatorV4 } from './client-parts.js';
import { BROKER_ERROR } from './broker-errors.js';
import type { BrokerAddress } from '../settings/client-settings.js';
import { brokerUnreachable } from './cluster-errors.js';
import { LinkFailure, LinkFailures, QUERY_TIMEOUT_MS, unreachable } from './cluster-link.js';
import type { ClusterLink } from './cluster-link.js';
import type { WireConnection } from './wire-connection.js';

const RETRY_PAUSE_MS = 100;
const KEY_TYPE = { group: 0, transaction: 1 } as const;

/** Something that passes: the question is to be asked again. */
export class Again extends Error {
  override readonly name = 'Again';
  readonly pauseMs: number;
  /** Somebody else may coordinate now. */
  readonly moved: boolean;

  constructor(message: string, { pauseMs = RETRY_PAUSE_MS, moved = true } = {}) {
    super(message);
    this.pauseMs = pauseMs;
    this.moved = moved;
  }
}

export interface CoordinatorKind {
  readonly type: keyof typeof KEY_TYPE;
  /** Throws Again where a code of FindCoordinator's answer passes, else what ends the asking. */
  readonly require: (key: string, code: number) => void;
}

export type AskCoordinator<T> = (connection: WireConnection, timeoutMs: number) => Promise<T>;

export class CoordinatorLink {
  private readonly link: ClusterLink;
  private readonly kind: CoordinatorKind;
  private readonly coordinators = new Map<string, BrokerAddress>();

  constructor(link: ClusterLink, kind: CoordinatorKind) {
    this.link = link;
    this.kind = kind;
  }

  /** Asks until there is an answer; `ask` throws Again for one that is none. */
  async ask<T>(
    key: string,
    ask: AskCoordinator<T>,
    patienceMs: () => number = () => this.link.patienceMs,
  ): Promise<T> {
    const { clock, endpoint } = this.link;
    const beganNs = clock.monotonicNs();
    for (;;) {
      const leftMs = this.link.leftMs(beganNs + patienceMs() * 1e6);
      const turnMs = Math.min(leftMs, QUERY_TIMEOUT_MS);
      let pauseMs = RETRY_PAUSE_MS;
      try {
        const address = this.coordinators.get(key) ?? (await this.find(key, turnMs));
        return await ask(await this.link.to(address, turnMs), turnMs);
      } catch (error) {
        if (!(error instanceof Again) || error.moved) this.coordinators.delete(key);
        const passing = passingText(error);
        if (passing === null) throw unreachable(endpoint, error);
        if (error instanceof Again) pauseMs = error.pauseMs;
        if (this.link.leftMs(beganNs + patienceMs() * 1e6) <= pauseMs) {
          if (!(error instanceof Again)) throw unreachable(endpoint, error);
          throw brokerUnreachable(endpoint, passing, error);
        }
      }
      await delay(pauseMs);
    }
  }

  private async find(key: string, timeoutMs: number): Promise<BrokerAddress> {
    const { link } = this;
    const { type, require } = this.kind;
    const answer = await link.anywhere(
      (connection, shareMs) =>
        link.ask(connection, shareMs, findCoordinatorV4, KEY_TYPE[type], [key]),
      timeoutMs,
    );
    const [coordinator] = answer.coordinators;
    if (coordinator === undefined) throw new Again(`no broker coordinates the ${type}`);
    if (coordinator.errorCode !== BROKER_ERROR.NONE) require(key, coordinator.errorCode);
    const { host, port } = coordinator;
    this.coordinators.set(key, { host, port });
    return { host, port };
  }
}

/** Why a question is to be asked again; null: it is not. */
function passingText(error: unknown): string | null {
  if (error instanceof Again) return error.message;
  const failures =
    error instanceof LinkFailures
      ? error.failures
      : error instanceof LinkFailure
        ? [error.failure]
        : [];
  if (failures.length === 0 || failures.some(({ kind }) => kind === 'final')) return null;
  return failures.map(({ reason }) => reason).join('; ');
}
