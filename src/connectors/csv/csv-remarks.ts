/**
 * What is to be said of how a file was found to be written: one line. Owns the wording around the
 * remarks; whether somebody wants to hear it is the command line's.
 */

/** What was found that is not usual. */
export interface CsvRemark {
  readonly text: string;
  /** It could be otherwise: whoever reads the file should know. */
  readonly isUnsure: boolean;
}

/** null: UTF-8, which is usual. Unicode says what it is. */
export function encodingRemark(encoding: string): CsvRemark | null {
  if (encoding === 'utf-8') return null;
  return { text: `encoded in ${encoding}`, isUnsure: !encoding.startsWith('utf') };
}

export function remarkLine(path: string, remarks: readonly CsvRemark[]): string {
  return `file "${path}": ${remarks.map(({ text }) => text).join('; ')}`;
}
