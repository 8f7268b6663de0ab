/**
 * Files that are looked at while something runs, and between. Owns the watchers of their folders,
 * what counts as a change (another file, size or time of writing: events come for less) and the
 * moment of quiet behind it, because one save is several events. Bounded by the number of folders.
 */
import { statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import type { WatchTarget } from './watch-target.js';

/** Tells of what happens in a folder: the path below it, or null where the system does not say. */
export type WatchFolder = (
  folder: string,
  options: { readonly deep: boolean; readonly onEvent: (name: string | null) => void },
) => { close(): void };

/** Calls `done` later; what is given back prevents it. */
export type Settle = (done: () => void) => () => void;

const SETTLE_MS = 100;
/** The files of a writer under way, and what no query reads. */
const PASSED_OVER = /\.part$|(?:^|\/)(?:node_modules|\.git)(?:\/|$)/;

export class FileWatch {
  private readonly watchFolder: WatchFolder;
  private readonly settle: Settle;
  private targets: readonly WatchTarget[] = [];
  private watchers: { close(): void }[] = [];
  /** What each file was when it was last looked at; '' where there was none. */
  private readonly known = new Map<string, string>();
  private pending: string | null = null;
  private settled = false;
  private unsettle: () => void = () => undefined;
  private tell: ((path: string) => void) | null = null;

  constructor(watchFolder: WatchFolder = watchByNode, settle: Settle = settleByTimer) {
    this.watchFolder = watchFolder;
    this.settle = settle;
  }

  /** Looks at these from now on, and at no others; what has changed meanwhile is a change. */
  watch(targets: readonly WatchTarget[]): void {
    const before = this.watchers;
    this.targets = targets;
    const folders = new Map(
      targets.map(({ folder, deep }) => [`${deep} ${folder}`, { folder, deep }]),
    );
    this.watchers = [...folders.values()].map(({ folder, deep }) => {
      const onEvent = (name: string | null): void => {
        if (name === null) this.lookAtAll();
        else this.lookAt(join(folder, name));
      };
      return this.watchFolder(folder, { deep, onEvent });
    });
    for (const watcher of before) watcher.close();
    for (const { file } of targets) {
      if (file === null) continue;
      if (this.known.has(file)) this.lookAt(file);
      else this.known.set(file, signatureOf(file));
    }
  }

  /** The next file that changes, or that has changed since the last call, once all is quiet. */
  changed(): Promise<string> {
    return new Promise((resolve) => {
      this.tell = resolve;
      this.deliver();
    });
  }

  close(): void {
    this.unsettle();
    for (const watcher of this.watchers.splice(0)) watcher.close();
  }

  private lookAtAll(): void {
    for (const { file } of this.targets) if (file !== null) this.lookAt(file);
  }

  private lookAt(path: string): void {
    if (PASSED_OVER.test(path) || !this.targets.some(({ matches }) => matches(path))) return;
    const signature = signatureOf(path);
    if (this.known.get(path) === signature) return;
    this.known.set(path, signature);
    this.pending = path;
    this.settled = false;
    this.unsettle();
    this.unsettle = this.settle(() => {
      this.settled = true;
      this.deliver();
    });
  }

  private deliver(): void {
    const { pending, tell } = this;
    if (pending === null || !this.settled || tell === null) return;
    this.pending = null;
    this.tell = null;
    tell(pending);
  }
}

function signatureOf(path: string): string {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? '' : `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
  } catch {
    // It may not be looked at any more: as if it were gone.
    return '';
  }
}

/** Throws ConfigError FLAG_INVALID where the system looks at no more folders. */
function watchByNode(
  folder: string,
  { deep, onEvent }: Parameters<WatchFolder>[1],
): { close(): void } {
  try {
    const watcher = watch(folder, { recursive: deep }, (_, name) => {
      onEvent(name);
    });
    // The folder itself has gone: what was in it is looked at.
    watcher.on('error', () => {
      onEvent(null);
    });
    return watcher;
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    throw new ConfigError('FLAG_INVALID', {
      message: `--watch cannot look at folder "${folder}" (${code})`,
      hint:
        code === 'ENOSPC'
          ? 'the system has a limit: sysctl fs.inotify.max_user_watches, max_user_instances'
          : 'check that it can be read',
      cause: error,
    });
  }
}

function settleByTimer(done: () => void): () => void {
  const timer = setTimeout(done, SETTLE_MS);
  return () => {
    clearTimeout(timer);
  };
}
