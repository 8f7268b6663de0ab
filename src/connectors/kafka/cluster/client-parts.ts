/**
 * The parts of @platformatic/kafka that every reader and writer needs: how requests are written and
 * answers read, and the names of errors. Owns loading them by their files, because the package as a
 * whole, with its clients and registries, takes half a second and 50 MiB in every thread; these take
 * 90 ms and 16 MiB. Its version is pinned for that reason. A login loads the whole: broker-login.ts.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Client from '@platformatic/kafka';

const folder = dirname(createRequire(import.meta.url).resolve('@platformatic/kafka'));

export const [
  { Reader: WireReader },
  { protocolErrors, protocolErrorsCodesById },
  apiVersionsV3,
  metadataV12,
  listOffsetsV6,
  findCoordinatorV4,
  offsetCommitV8,
  offsetFetchV8,
  initProducerIdV4,
  addPartitionsToTxnV3,
  addOffsetsToTxnV3,
  txnOffsetCommitV3,
  endTxnV3,
] = await Promise.all([
  load<Pick<typeof Client, 'Reader'>>('protocol/reader.js'),
  load<Pick<typeof Client, 'protocolErrors' | 'protocolErrorsCodesById'>>('protocol/errors.js'),
  load<typeof Client.apiVersionsV3>('apis/metadata/api-versions-v3.js'),
  load<typeof Client.metadataV12>('apis/metadata/metadata-v12.js'),
  load<typeof Client.listOffsetsV6>('apis/consumer/list-offsets-v6.js'),
  load<typeof Client.findCoordinatorV4>('apis/metadata/find-coordinator-v4.js'),
  load<typeof Client.offsetCommitV8>('apis/consumer/offset-commit-v8.js'),
  load<typeof Client.offsetFetchV8>('apis/consumer/offset-fetch-v8.js'),
  // The last versions that are for clients: later ones of AddPartitionsToTxn need CLUSTER_ACTION.
  load<typeof Client.initProducerIdV4>('apis/producer/init-producer-id-v4.js'),
  load<typeof Client.addPartitionsToTxnV3>('apis/producer/add-partitions-to-txn-v3.js'),
  load<typeof Client.addOffsetsToTxnV3>('apis/producer/add-offsets-to-txn-v3.js'),
  load<typeof Client.txnOffsetCommitV3>('apis/producer/txn-offset-commit-v3.js'),
  load<typeof Client.endTxnV3>('apis/producer/end-txn-v3.js'),
]);

async function load<Part>(file: string): Promise<Part> {
  // Checked boundary: the pinned version has these files, and their tests would fail without.
  return (await import(pathToFileURL(join(folder, file)).href)) as Part;
}
