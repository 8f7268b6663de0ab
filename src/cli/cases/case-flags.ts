/**
 * The section `=== flags` of a case file: the flags of `velo run` that change which rows come out.
 * Owns which they are; how a job is driven is not the case's to say.
 */
import type { Span } from '../../base/span.js';
import type { Word } from './case-sections.js';

export interface CaseFlags {
  readonly changelog: boolean;
  /** null: as the SQL says it. */
  readonly onError: 'fail' | 'skip' | 'dead-letter' | null;
  readonly settings: ReadonlyMap<string, string>;
}

type Fault = (message: string, span: Span, hint?: string) => void;

const POLICIES = ['fail', 'skip', 'dead-letter'] as const;
const HINT = 'flags of a case are --changelog, --on-error POLICY and --set key=value';

/** The value of a flag may stand behind `=` or as the next word. */
export function readCaseFlags(words: readonly Word[], fault: Fault): CaseFlags {
  const rest = [...words];
  const settings = new Map<string, string>();
  let changelog = false;
  let onError: CaseFlags['onError'] = null;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, flag = '', , own] = /^(--[a-z-]+|[^=]*)(=(.*))?$/.exec(word.text) ?? [];
    const value = (): string => own ?? rest.shift()?.text ?? '';
    if (flag === '--changelog') changelog = true;
    else if (flag === '--on-error') {
      const text = value();
      onError = POLICIES.find((policy) => policy === text) ?? null;
      if (onError === null) fault(`"${text}" is no policy`, word.span, POLICIES.join(', '));
    } else if (flag === '--set') {
      const pair = value();
      const at = pair.indexOf('=');
      if (at <= 0) fault(`"${pair}" is no setting`, word.span, 'write --set key=value');
      settings.set(pair.slice(0, at), pair.slice(at + 1));
    } else fault(`a case has no flag "${word.text}"`, word.span, HINT);
  }
  return { changelog, onError, settings };
}
