/**
 * What this installation of velo can do: Node, librdkafka, and which codecs of files and topics it
 * reads and writes. Facts only; `velo --version` lists them, `velo doctor` judges them.
 */
import { buildCommit } from '../../base/build-commit.js';
import type { BuildCommit } from '../../base/build-commit.js';
import { ConnectorError } from '../../base/errors.js';
import { packageManifest } from '../../base/package-manifest.js';
import { packerOf } from '../../connectors/file/compressed/compression.js';
import type { Compression } from '../../connectors/file/compressed/compression.js';
import { rdkafkaAbsence } from '../../connectors/kafka/librdkafka/rdkafka-absence.js';
import type { RdkafkaAbsence } from '../../connectors/kafka/librdkafka/rdkafka-absence.js';
import { loadRdkafka } from '../../connectors/kafka/librdkafka/rdkafka.js';
import type { Rdkafka } from '../../connectors/kafka/librdkafka/rdkafka.js';
import { batchCompressor, COMPRESSIONS } from '../../connectors/kafka/produce/batch-compression.js';

export interface Codecs {
  readonly read: readonly string[];
  readonly written: readonly string[];
}

export interface Features {
  readonly version: string;
  readonly build: BuildCommit;
  readonly node: string;
  readonly platform: string;
  readonly librdkafka: LibrdkafkaState;
  readonly files: Codecs;
  readonly topics: Codecs;
}

export type LibrdkafkaState =
  | { readonly version: string; readonly features: readonly string[]; readonly absence: null }
  | { readonly version: null; readonly absence: RdkafkaAbsence };

/** All that are unpacked: a new one is missed here by the compiler. */
const FILE_CODECS = Object.keys({
  gzip: true,
  zstd: true,
  bzip2: true,
} satisfies Record<Compression, true>) as Compression[];

/** Loads node-rdkafka, which takes a tenth of a second where it is there. */
export function features(): Features {
  const codecs = COMPRESSIONS.filter((name) => name !== 'none');
  return {
    version: packageManifest().version,
    build: buildCommit(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    librdkafka: librdkafkaState(),
    files: {
      read: FILE_CODECS,
      written: FILE_CODECS.filter((name) => packerOf(name) !== null),
    },
    topics: {
      read: codecs,
      written: codecs.filter((name) => batchCompressor(name) !== 'missing'),
    },
  };
}

/** `load` stands in for loading the package in tests. */
export function librdkafkaState(load: () => Rdkafka = loadRdkafka): LibrdkafkaState {
  try {
    const { librdkafkaVersion, features: built } = load();
    return { version: librdkafkaVersion, features: [...built], absence: null };
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    return { version: null, absence: rdkafkaAbsence(error.cause) };
  }
}
