import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answers, freePort } from '../../src/stack/tcp.ts';
import { startStack, type Stack } from '../../src/stack/stack.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import { tinyProfile, tinySearch } from '../support/tiny-search.ts';
import { documentOf } from '../workflow/documents.ts';
import { until } from '../workflow/environment.ts';

const DASHBOARD = join(import.meta.dirname, '..', '..', 'deploy', 'grafana', 'longhaul.json');

/** Its first attempt ends as a preempted one does, 50 samples after its checkpoint; the second one finishes. */
const TRAINER = `
import json, os, pathlib, sys, time
output = pathlib.Path(os.environ["LONGHAUL_OUTPUT"].removeprefix("file://"))
attempt = int(os.environ["LONGHAUL_ATTEMPT"])
def put(name, value):
    (output / name).parent.mkdir(parents=True, exist_ok=True)
    (output / name).write_text(json.dumps(value))
def record(kind, part, samples, **more):
    n = len(list((output / "progress").glob("*.json"))) + 1
    put(f"progress/{n}.json", {"n": n, "time": time.time(), "attempt": attempt, "kind": kind, "epoch": 0, "part": part, "step": samples, "samples": samples, **more})
if attempt == 1:
    record("start", 0, 0)
    record("train", 1, 100)
    record("checkpoint", 2, 150, checkpointSeconds=0.25)
    record("train", 3, 200)
    put("checkpoints/LATEST", {"checkpoint": "150", "attempt": 1, "step": 150, "samples": 150, "files": {}, "reason": "sigterm"})
    sys.exit(143)
record("start", 2, 150)
record("train", 4, 300)
record("validation", 5, 400, metrics={"score": 1.0})
put("result.json", {"metrics": {"score": 1.0}, "objective": 1.0, "bestStep": 1, "steps": 1, "samples": 400, "epochs": 1, "bestExport": None, "weightsSha256": "0"})
`;

interface Span {
  readonly name: string;
  readonly traceId: string;
}

/** A collector that keeps the spans it gets. */
async function startCollector(): Promise<{ readonly server: Server; readonly url: string; readonly spans: Span[] }> {
  const spans: Span[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
      spans.push(...body.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)));
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans };
}

/** Three ports in a row, one for each Node worker. */
async function freePorts(): Promise<number> {
  for (;;) {
    const first = await freePort();
    const wanted = [first + 1, first + 2];
    if ((await Promise.all(wanted.map((port) => freePort(port)))).every((port, index) => port === wanted[index])) return first;
  }
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}
const panels = (JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { panels: Panel[] }).panels;
const queries = panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => ({ title, expr })));

describe('telemetry of a run on real workers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-telemetry-'));
  const environment = { ...process.env };
  let stack: Stack;
  let longhaul: Longhaul;
  let prometheus: ChildProcess;
  let address: string;
  let collector: Awaited<ReturnType<typeof startCollector>>;

  beforeAll(async () => {
    collector = await startCollector();
    const first = await freePorts();
    // The stack's workers take the environment of this process.
    Object.assign(process.env, {
      LONGHAUL_METRICS_PORT: String(first),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '200',
    });
    stack = await startStack({ directory: folder });
    await stack.ready;
    longhaul = await connect({ directory: folder });
    address = `127.0.0.1:${await freePort()}`;
    const targets = [first, first + 1, first + 2].map((port) => `127.0.0.1:${port}`);
    const config = { global: { scrape_interval: '1s' }, scrape_configs: [{ job_name: 'longhaul', static_configs: [{ targets }] }] };
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
    prometheus = spawn(
      'prometheus',
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/prometheus`,
        `--web.listen-address=${address}`,
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    );
    await until(() => answers(address), 'Prometheus to serve');
    const search = tinySearch(folder);
    const profile = { ...tinyProfile(folder), pools: [{ name: 'spot', spot: true, pricePerHour: 100, onDemandPricePerHour: 300 }] };
    const step = { ...search, spec: { ...search.spec, command: ['python', '-c', TRAINER] } } as typeof search;
    const run = await longhaul.start(documentOf([step], { profile }), { runId: 'measured' });
    expect((await run.result()).status).toBe('succeeded');
  });

  afterAll(async () => {
    for (const name of ['LONGHAUL_METRICS_PORT', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_BSP_SCHEDULE_DELAY']) {
      if (environment[name] === undefined) delete process.env[name];
      else process.env[name] = environment[name];
    }
    await longhaul.close();
    await stack.stop();
    prometheus.kill('SIGTERM');
    collector.server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function query(expression: string): Promise<{ metric: Record<string, string>; value: number }[]> {
    const response = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const body = (await response.json()) as {
      status: string;
      error?: string;
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    if (body.status !== 'success') throw new Error(`${expression}: ${body.error ?? response.statusText}`);
    return body.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }
  const one = async (expression: string): Promise<number | undefined> => (await query(expression))[0]?.value;

  it('counts attempts by pool and end, preemptions, lost samples, parts and cost', async () => {
    await until(async () => (await one('sum(longhaul_attempts_total)')) === 2, 'two attempts to be scraped');
    const ends = await query('sum by (pool, end, spot) (longhaul_attempts_total)');
    expect(ends.map(({ metric, value }) => [metric.pool, metric.spot, metric.end, value]).sort()).toEqual([
      ['spot', 'true', 'preempted', 1],
      ['spot', 'true', 'succeeded', 1],
    ]);
    expect(await one('longhaul_preemptions_total')).toBe(1);
    expect(await one('longhaul_lost_samples_total')).toBe(50);
    expect(await one('longhaul_checkpoint_seconds_sum')).toBeCloseTo(0.25);
    expect(await one('longhaul_recovery_seconds_count')).toBe(1);
    expect(await one('longhaul_parts_total')).toBe(3);
    // What was trained twice counts twice here; the ledger has it once.
    expect(await one('longhaul_samples_total')).toBe(200 + 250);
    const [cost, onDemand] = [await one('longhaul_attempt_cost_sum'), await one('longhaul_attempt_on_demand_cost_sum')];
    expect(cost).toBeGreaterThan(0);
    expect(onDemand! / cost!).toBeCloseTo(3);
  });

  it.each(queries)('answers the dashboard\'s "$title": $expr', async ({ expr }) => {
    const names = expr.match(/(longhaul|temporal)_[a-z_]+/g) ?? ['up'];
    const plain = expr.replaceAll('$pool', '.*').replaceAll('$__rate_interval', '1m').replaceAll('$__range', '1h');
    await query(plain);
    // A failure that did not happen has no series; every other name must be one that workers serve.
    for (const name of names.filter((one) => one !== 'temporal_activity_execution_failed_total'))
      await until(async () => (await query(name)).length > 0, `${name} to be scraped`);
  });

  it('traces a run from the client through workflows to activities', async () => {
    const names = (): string[] => collector.spans.map(({ name }) => name);
    await until(async () => names().includes('RunActivity:runAttempt') && names().includes('RunWorkflow:trial'), 'spans of an attempt');
    const started = collector.spans.find(({ name }) => name === 'StartWorkflow:trainingPipeline');
    expect(started).toBeDefined();
    const trace = collector.spans.filter(({ traceId }) => traceId === started?.traceId).map(({ name }) => name);
    expect(trace).toEqual(
      expect.arrayContaining([
        'RunWorkflow:trainingPipeline',
        'RunWorkflow:hyperparameterSearch',
        'StartActivity:runAttempt',
        'RunActivity:runAttempt',
      ]),
    );
  });

  it('logs JSON lines that name run, step, trial and attempt', () => {
    const lines = readFileSync(join(folder, '.longhaul', 'logs', 'training.log'), 'utf8')
      .trim()
      .split('\n');
    const parsed = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(parsed).toContainEqual(expect.objectContaining({ worker: 'training', run: 'measured', step: 'search', trial: 0, attempt: 1 }));
  });
});
