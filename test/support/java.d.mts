/** Types of java.mjs; the comments are there. */
export type FurtherTool = 'javac' | 'openssl';

export const JAVA_FOLDER: string;
export const CACHE_FOLDER: string;
export function missingJavaTools(further?: readonly FurtherTool[]): string[];
export function javaSuiteRuns(suite: string, further?: readonly FurtherTool[]): boolean;
export function resolveClassPath(request: {
  readonly pom: string;
  readonly cacheName: string;
}): Promise<string>;
