/** Types of java-client.mjs; the comments are there. */
export type JavaCommand = 'plain' | 'keyed' | 'forms' | 'transactions' | 'open' | 'close' | 'read';

export interface JavaClient {
  command(
    name: JavaCommand,
    values: Readonly<Record<string, string | number>>,
  ): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

export function startJavaClient(brokers: string): Promise<JavaClient>;
