/** Types of java.mjs; the comments are there. */
export const JAVA_FOLDER: string;
export function missingJavaTools(): string[];
export function javaSuiteRuns(suite: string): boolean;
export function resolveClassPath(request: {
  readonly pom: string;
  readonly cacheName: string;
}): Promise<string>;
