/**
 * The check-up of this machine and installation: Node, processors, memory, librdkafka, codecs and
 * the folders that are written to. Asks nobody outside. Owns what is well, what is worth a note and
 * what is broken; what was found out is features.ts and cgroup-limits.ts.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { defaultMaxMemoryBytes } from '../../processors/memory-budget.js';
import { bytesText } from '../terminal/terminal.js';
import { cgroupCpus } from './cgroup-limits.js';
import { packageManifest } from '../../base/package-manifest.js';
import type { Features } from './features.js';
import type { Finding } from './finding.js';

export function machineFindings(found: Features): Finding[] {
  return [
    nodeFinding(found.node, packageManifest().engines.node),
    processorsFinding(availableParallelism(), cgroupCpus()),
    memoryFinding(),
    librdkafkaFinding(found),
    codecsFinding(found),
    folderFinding('temporary', tmpdir()),
  ];
}

/** `range`: `>=20.19.4`, the only form that package.json has. */
export function nodeFinding(version: string, range: string): Finding {
  const least = range.replace('>=', '');
  const isOld = isOlder(version.replace(/^v/, ''), least);
  return {
    name: 'node',
    status: isOld ? 'broken' : 'ok',
    text: isOld ? `${version} is too old: velo needs ${least} or newer` : version,
    ...(isOld ? { hint: `install Node ${least} or newer` } : {}),
  };
}

function isOlder(version: string, least: string): boolean {
  const [parts, others] = [version, least].map((text) =>
    text.split(/[.-]/).slice(0, 3).map(Number),
  );
  for (const [at, part] of (parts ?? []).entries()) {
    const other = others?.[at] ?? 0;
    if (part !== other) return part < other;
  }
  return false;
}

export function processorsFinding(cores: number, limit: number | null): Finding {
  const text = `${cores} ${cores === 1 ? 'core' : 'cores'}`;
  if (limit === null || limit >= cores) return { name: 'processors', status: 'ok', text };
  const workers = Math.max(1, Math.floor(limit));
  return {
    name: 'processors',
    status: 'note',
    text: `${text}, of which a cgroup gives ${Number(limit.toFixed(2))}`,
    detail: 'what is automatic on V2 takes one worker per core, and more than there are wait',
    hint: `run V2 with --workers ${workers}`,
  };
}

function memoryFinding(): Finding {
  const [total, allowed] = [totalmem(), process.constrainedMemory()];
  const limited = allowed > 0 && allowed < total;
  const has = limited ? `${bytesText(allowed)} of ${bytesText(total)} (cgroup)` : bytesText(total);
  const heap = bytesText(getHeapStatistics().heap_size_limit);
  const job = bytesText(defaultMaxMemoryBytes());
  return {
    name: 'memory',
    status: 'ok',
    text: `${has}; a job may take ${job}, of which JavaScript objects ${heap} in each thread`,
  };
}

export function librdkafkaFinding({ librdkafka }: Pick<Features, 'librdkafka'>): Finding {
  const name = 'librdkafka';
  if (librdkafka.absence === null) return { name, status: 'ok', text: librdkafka.version };
  const { kind, detail, hint } = librdkafka.absence;
  return {
    name,
    status: 'note',
    text: `none: node-rdkafka is ${kind}; only what columnar fetch cannot do needs it`,
    detail,
    hint,
  };
}

function codecsFinding({ files, topics, node }: Features): Finding {
  const name = 'zstd';
  const writes = files.written.includes('zstd') && topics.written.includes('zstd');
  if (writes) return { name, status: 'ok', text: 'read and written' };
  return {
    name,
    status: 'note',
    text: `read, but not written by Node ${node}`,
    hint: 'write gzip (files) or lz4 (topics), or use Node 22.15 or newer',
  };
}

/** Creates a file there as a job does, and takes it away. */
export function folderFinding(name: string, folder: string): Finding {
  try {
    const own = mkdtempSync(join(folder, 'velo-doctor-'));
    try {
      writeFileSync(join(own, 'file'), 'velo');
    } finally {
      rmSync(own, { recursive: true, force: true });
    }
    return { name, status: 'ok', text: `${folder} can be written` };
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    return {
      name,
      status: 'broken',
      text: `${folder} cannot be written (${code})`,
      detail: 'velo test, velo bench and some outputs keep files there for as long as they run',
      hint: 'name another folder: TMPDIR=/path velo …',
    };
  }
}
