/**
 * A scrape over HTTP: every line parses, the samples are the catalogue's and carry the counters,
 * and promtool agrees (promtool.ts).
 */
import { Agent, createServer, get, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.js';
import {
  CHECKPOINT_METRICS,
  JOB_METRICS,
  OPERATOR_METRICS,
  PARTITION_METRICS,
  QUERY_METRICS,
  WORKER_METRICS,
} from '../../src/metrics/catalogue.js';
import { MetricsServer, PrometheusExport } from '../../src/metrics/prometheus.js';
import type { JobMetricsForExport } from '../../src/metrics/prometheus.js';
import { parseExposition } from './exposition.js';
import type { Family } from './exposition.js';
import { jobOf } from './job-of.js';
import { checkExposition } from './promtool.js';

const CATALOGUE = {
  ...CHECKPOINT_METRICS,
  ...OPERATOR_METRICS,
  ...PARTITION_METRICS,
  ...WORKER_METRICS,
  ...QUERY_METRICS,
  ...JOB_METRICS,
};

const open: MetricsServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function serve(source: () => JobMetricsForExport): Promise<MetricsServer> {
  const server = await MetricsServer.start(0, source);
  open.push(server);
  return server;
}

const urlOf = (server: MetricsServer, path = '/metrics'): string =>
  `http://127.0.0.1:${server.port}${path}`;

function valueOf(
  families: Map<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const base = families.has(name) ? name : name.replace(/_(sum|count)$/, '');
  const series = families.get(base)?.samples.get(name) ?? [];
  return series.find((one) => JSON.stringify(one.labels) === JSON.stringify(labels))?.value;
}

/** A scrape under a Host header of one's choice, which fetch does not let through. */
function statusFor(server: MetricsServer, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(urlOf(server), { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('the Host of a scrape', () => {
  it('is this machine, by any of its names', async () => {
    const server = await serve(() => jobOf(1));
    for (const host of ['localhost', '127.0.0.1:9464', 'LocalHost:1', '[::1]:9464']) {
      expect(await statusFor(server, host), host).toBe(200);
    }
    for (const host of ['evil.example', 'localhost.evil.example:9464', '10.0.0.1']) {
      expect(await statusFor(server, host), host).toBe(403);
    }
  });
});

describe('a scrape', () => {
  it('is the text format 0.0.4, and every line of it parses', async () => {
    const response = await fetch(urlOf(await serve(() => jobOf(8))));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = parseExposition(await response.text());
    expect([...families.keys()].sort()).toEqual(Object.keys(CATALOGUE).sort());
    for (const [name, family] of families) {
      const entry = CATALOGUE[name as keyof typeof CATALOGUE];
      expect(family.help).toBe(entry.help);
      expect(family.type).toBe(entry.type);
      const series = [...family.samples.values()].flat();
      expect(series.length, name).toBeGreaterThan(0);
      for (const one of series) expect(Object.keys(one.labels)).toEqual(entry.labels);
    }
  });

  it('shows the counters in base units, by query and partition', async () => {
    const text = await new PrometheusExport().text(jobOf(4));
    const families = parseExposition(text);
    const of = (name: string, partition: string): number | undefined =>
      valueOf(families, `velo_partition_${name}`, { query: 'query-1', partition });
    expect(of('records_in_total', '2')).toBe(1002);
    expect(of('records_out_total', '3')).toBe(503);
    expect(of('records_late_total', '0')).toBe(3);
    expect(of('records_failed_total', '0')).toBe(1);
    expect(of('throughput_records_per_second', '0')).toBe(9000);
    expect(of('hot', '0')).toBe(1);
    expect(of('hot', '1')).toBe(0);
    expect(of('queue_depth_records', '1')).toBe(200);
    expect(of('utilization_ratio', '1')).toBe(0.8);
    expect(of('backpressure_severity', '1')).toBe(1);
    expect(of('busy_seconds_total', '1')).toBe(2.5);
    expect(of('latency_seconds_sum', '1')).toBe(0.002);
    expect(of('latency_seconds_count', '1')).toBe(2);
    expect(of('latency_last_seconds', '1')).toBe(0.0005);
    expect(of('latency_max_seconds', '1')).toBe(0.0015);
    expect(of('state_rows', '1')).toBe(77);
    expect(of('state_bytes', '1')).toBe(4096);
    expect(of('watermark_timestamp_seconds', '2')).toBe(9.9);
    expect(of('watermark_lag_seconds', '2')).toBe(0.1);
  });

  it('shows the totals of a query, its workers and the state of the job', async () => {
    const families = parseExposition(await new PrometheusExport().text(jobOf(4)));
    const query = { query: 'query-1' };
    expect(valueOf(families, 'velo_records_in_total', query)).toBe(5000);
    expect(valueOf(families, 'velo_records_out_total', query)).toBe(2500);
    expect(valueOf(families, 'velo_throughput_records_per_second', query)).toBe(11_000);
    expect(valueOf(families, 'velo_partitions', query)).toBe(4);
    expect(valueOf(families, 'velo_active_partitions', query)).toBe(3);
    expect(valueOf(families, 'velo_backpressure_events_total', query)).toBe(5);
    const worker = { query: 'query-1', worker: '1' };
    expect(valueOf(families, 'velo_worker_wait_seconds_total', worker)).toBe(1.25);
    expect(valueOf(families, 'velo_job_state', { state: 'running' })).toBe(1);
    expect(valueOf(families, 'velo_job_state', { state: 'paused' })).toBe(0);
    expect(valueOf(families, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });

  it('leaves out a watermark that is not there yet or has ended', async () => {
    const job = jobOf(2);
    const [query] = job.queries;
    const partitions = query?.snapshot.partitions.map((partition, at) => ({
      ...partition,
      watermarkMs: at === 0 ? null : Infinity,
      watermarkLagMs: null,
    }));
    const snapshot = { workers: [], partitions: partitions ?? [] };
    const queries = [{ ...query!, snapshot }];
    const text = await new PrometheusExport().text({ ...job, queries });
    const families = parseExposition(text);
    for (const name of ['watermark_timestamp_seconds', 'watermark_lag_seconds']) {
      expect(families.get(`velo_partition_${name}`)?.samples.size).toBe(0);
    }
  });

  it('follows the job: later scrapes show later values and nothing of a query that is gone', async () => {
    const scrape = new PrometheusExport();
    await scrape.text(jobOf(8));
    const families = parseExposition(await scrape.text(jobOf(2, 'other')));
    const series = families
      .get('velo_partition_records_in_total')
      ?.samples.get('velo_partition_records_in_total');
    expect(series?.map(({ labels }) => labels)).toEqual([
      { query: 'other', partition: '0' },
      { query: 'other', partition: '1' },
    ]);
  });

  it('escapes what a label may hold', async () => {
    const query = 'a "quoted"\nname \\ with {all=",}';
    const text = await new PrometheusExport().text(jobOf(1, query));
    expect(valueOf(parseExposition(text), 'velo_records_in_total', { query })).toBe(5000);
  });

  it('two servers of one process do not know each other', async () => {
    const [first, second] = [await serve(() => jobOf(1, 'a')), await serve(() => jobOf(1, 'b'))];
    const texts = await Promise.all(
      [first, second].map(async (server) => (await fetch(urlOf(server))).text()),
    );
    expect(texts[0]).toContain('query="a"');
    expect(texts[0]).not.toContain('query="b"');
    expect(texts[1]).not.toContain('query="a"');
  });
});

describe('promtool', () => {
  it('finds nothing to say about a scrape', async () => {
    const text = await (await fetch(urlOf(await serve(() => jobOf(8))))).text();
    checkExposition(text);
  });
});

describe('the server', () => {
  it('has nothing but GET and HEAD of /metrics', async () => {
    const server = await serve(() => jobOf(1));
    for (const path of ['/', '/metrics/', '/other', '//', '/%']) {
      expect((await fetch(urlOf(server, path))).status).toBe(404);
    }
    const post = await fetch(urlOf(server), { method: 'POST', body: 'x' });
    expect(post.status).toBe(405);
    expect(post.headers.get('allow')).toBe('GET, HEAD');
    expect((await fetch(urlOf(server), { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(urlOf(server, '/metrics?name=x'))).status).toBe(200);
  });

  it('survives a request line that is no path', async () => {
    const server = await serve(() => jobOf(1));
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = { port: server.port, host: '127.0.0.1', method: 'OPTIONS', path: '*' };
      request(options, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(404);
    expect((await fetch(urlOf(server))).status).toBe(200);
  });

  it('answers 500 when the job cannot say, and goes on', async () => {
    let broken = true;
    const server = await serve(() => {
      if (broken) throw new Error('no numbers now');
      return jobOf(1);
    });
    const response = await fetch(urlOf(server));
    expect(response.status).toBe(500);
    expect(await response.text()).toContain('no numbers now');
    broken = false;
    expect((await fetch(urlOf(server))).status).toBe(200);
  });

  it('listens on the loopback interface only', async () => {
    const server = await serve(() => jobOf(1));
    const taken = createServer();
    // Another address has the same port free: a server on all interfaces would hold it.
    await new Promise<void>((resolve, reject) => {
      taken.once('error', reject);
      taken.listen({ port: server.port, host: '127.0.0.2' }, resolve);
    });
    await new Promise((resolve) => taken.close(resolve));
  });

  it('a port in use is a user error with a hint', async () => {
    const first = await serve(() => jobOf(1));
    const error = await MetricsServer.start(first.port, () => jobOf(1)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({
      code: 'VELO_FLAG_INVALID',
      message: `--metrics-port ${first.port} is in use`,
      hint: 'choose another port, or 0 for any free one',
    });
  });

  it('closes although a scraper keeps its connection', { timeout: 240_000 }, async () => {
    const server = await MetricsServer.start(0, () => jobOf(1));
    const agent = new Agent({ keepAlive: true });
    const response = await new Promise<IncomingMessage>((resolve) =>
      get(urlOf(server), { agent }, resolve),
    );
    response.resume();
    await new Promise((resolve) => response.once('end', resolve));
    await server.close();
    agent.destroy();
    const again = createServer();
    await new Promise<void>((resolve) => again.listen(server.port, '127.0.0.1', resolve));
    expect((again.address() as AddressInfo).port).toBe(server.port);
    await new Promise((resolve) => again.close(resolve));
  });
});
