/** The page above all runs, kept up to date while somebody looks. Ledgers are read when runs have moved on, and seldom: each read costs. */
import { canonicalJson } from '../contract/canonical-json.ts';
import type { RunSummary, ClusterNow, ScheduleSummary } from '../client/index.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { JobInfo } from '../ports/compute.ts';
import {
  clusterRows,
  modelsByStage,
  moneyRows,
  ofTeam,
  overviewSince,
  poolRows,
  type LedgerFacts,
  type OverviewParts,
  type Place,
} from '../present/overview.ts';
import { GRACES } from '../rules/durations.ts';
import { EventLog } from './event-log.ts';
import { describeFailure } from './failures.ts';
import { OpenRuns } from './open-runs.ts';
import type { RunList } from './run-list.ts';
import type { ConsoleSource } from './source.ts';
import type { OverviewView } from './wire.ts';

/** Of so many pipelines, the newest ones. */
const MOST_PLACES = 40;

interface Site extends Place {
  readonly document: RunDocument;
  /** Of what it shares with others. */
  readonly ledger: string;
  readonly machines: string;
}

const NOTHING: OverviewParts = { pools: [], clusters: [], schedules: [], models: { stages: [], rows: [] }, money: [] };

export class Overview {
  readonly events = new EventLog();
  readonly #source: ConsoleSource;
  readonly #list: RunList;
  readonly #openRuns: OpenRuns;
  readonly #timer: NodeJS.Timeout;
  readonly #ledgers = new Map<string, LedgerFacts>();
  readonly #troubles = new Map<string, string>();
  #parts = NOTHING;
  #open = 0;
  #schedules: readonly ScheduleSummary[] = [];
  #clusters = new Map<string, readonly ClusterNow[]>();
  #calendarAt = Number.NEGATIVE_INFINITY;
  #ledgerAt = Number.NEGATIVE_INFINITY;
  #readAt: number | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #usedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | null = null;
  /** Since the ledger was read: runs began or ended; runs went on. */
  #began = true;
  #moved = true;
  #statuses = '';
  #version = 0;
  #about = '';

  constructor(source: ConsoleSource, list: RunList) {
    this.#source = source;
    this.#list = list;
    this.#openRuns = new OpenRuns(source);
    this.#timer = setInterval(() => this.#beat(performance.now()), GRACES.overviewLookMs);
    this.#timer.unref();
  }

  get version(): number {
    return this.#version;
  }

  async get(): Promise<OverviewView> {
    this.#usedAt = performance.now();
    if (this.#usedAt - this.#lookedAt > GRACES.overviewLookMs) await this.#look();
    return {
      cursor: this.events.cursor,
      team: this.#source.team,
      openRuns: this.#open,
      ledgerReadAt: this.#readAt,
      troubles: [...this.#troubles.values()],
      ...this.#parts,
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#openRuns.close();
  }

  #beat(now: number): void {
    if (this.events.watched) {
      this.#usedAt = now;
      void this.#look().catch(() => undefined);
    } else if (now - this.#usedAt > GRACES.consoleModelKeptMs) this.#openRuns.close();
  }

  #look(): Promise<void> {
    this.#looking ??= this.#ask(performance.now()).finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #ask(now: number): Promise<void> {
    // Without the list nothing can be said.
    const runs = await this.#list.get();
    this.#notice(runs);
    const open = runs.filter(({ endedAt }) => endedAt === null);
    const [sites, moved] = await Promise.all([this.#sites(runs), this.#openRuns.look(open.map(({ run }) => run))]);
    this.#moved ||= moved;
    await Promise.all([this.#readLedgers(sites, now), this.#readCalendar(sites, now)]);
    this.#show(await this.#partsOf(sites), open.length);
    this.#lookedAt = now;
  }

  #notice(runs: readonly RunSummary[]): void {
    const statuses = JSON.stringify(runs.map(({ run, endedAt }) => [run, endedAt]));
    if (statuses !== this.#statuses) this.#began = true;
    this.#statuses = statuses;
  }

  /** Of the newest run of each pipeline. */
  async #sites(runs: readonly RunSummary[]): Promise<readonly Site[]> {
    const newest = new Map<string, RunSummary>();
    for (const run of runs) {
      const key = JSON.stringify([run.pipeline, run.team]);
      if (!newest.has(key)) newest.set(key, run);
    }
    const sites = new Map<string, Site>();
    const found = await Promise.all(
      [...newest.values()].slice(0, MOST_PLACES).map(async ({ run, team = null }) => {
        // One whose document cannot be read is told of on its own page.
        const document = await this.#source.document(run).catch(() => null);
        return document === null ? null : siteOf(document, team);
      }),
    );
    for (const site of found) {
      const key = site && canonicalJson([site.team, site.profileName, site.ledger, site.machines]);
      if (site !== null && key !== null && !sites.has(key)) sites.set(key, site);
    }
    return [...sites.values()];
  }

  async #readLedgers(sites: readonly Site[], now: number): Promise<void> {
    const ledgers = new Map(sites.map((site) => [site.ledger, site]));
    const age = now - this.#ledgerAt;
    const isDue =
      [...ledgers.keys()].some((ledger) => !this.#ledgers.has(ledger)) ||
      (this.#began && age >= GRACES.overviewLedgerMs) ||
      (this.#moved && age >= GRACES.overviewLedgerLongestMs);
    if (!isDue) return;
    this.#ledgerAt = now;
    this.#began = false;
    this.#moved = false;
    const since = overviewSince(Date.now());
    const read = await Promise.all(
      [...ledgers].map(([ledger, { document, profileName }]) =>
        this.#try(`ledger of ${profileName}`, async () => {
          const [runs, steps, attempts, models] = await Promise.all([
            this.#source.ledger(document, 'runs', {}, since),
            this.#source.ledger(document, 'steps', {}, since),
            this.#source.ledger(document, 'attempts', {}, since),
            this.#source.ledger(document, 'models', {}),
          ]);
          const facts = { currency: document.profile.currency, runs, steps, attempts, models };
          this.#ledgers.set(ledger, ofTeam(facts, this.#source.team));
          return true;
        }),
      ),
    );
    // One that did not answer is asked again.
    if (read.includes(null)) this.#began = true;
    for (const ledger of this.#ledgers.keys()) if (!ledgers.has(ledger)) this.#ledgers.delete(ledger);
    if (!read.includes(null)) this.#readAt = Date.now();
  }

  async #readCalendar(sites: readonly Site[], now: number): Promise<void> {
    if (now - this.#calendarAt < GRACES.overviewCalendarMs) return;
    this.#calendarAt = now;
    const clusters = new Map<string, readonly ClusterNow[]>();
    await Promise.all([
      this.#try('schedules', async () => {
        this.#schedules = await this.#source.schedules();
      }),
      ...sites.map((site) =>
        this.#try(`clusters of ${site.profileName}`, async () => {
          clusters.set(keyOf(site), await this.#source.clusters(site.profile, site.team));
        }),
      ),
    ]);
    this.#clusters = clusters;
  }

  async #partsOf(sites: readonly Site[]): Promise<OverviewParts> {
    const now = Date.now();
    const asked = new Map<string, Promise<readonly JobInfo[]>>();
    const jobsOf = ({ machines, document, profileName }: Site): Promise<readonly JobInfo[]> => {
      const jobs =
        asked.get(machines) ?? this.#try(`machines of ${profileName}`, () => this.#source.jobs(document)).then((found) => found ?? []);
      asked.set(machines, jobs);
      return jobs;
    };
    const places = await Promise.all(
      sites.map(async (site) => {
        const attempts = this.#ledgers.get(site.ledger)?.attempts ?? [];
        const pools = poolRows(site, attempts, this.#openRuns.placed, await jobsOf(site), now);
        return { pools, clusters: clusterRows(site, this.#clusters.get(keyOf(site)) ?? [], pools) };
      }),
    );
    const ledgers = [...this.#ledgers.values()];
    return {
      pools: places.flatMap(({ pools }) => pools),
      clusters: places.flatMap(({ clusters }) => clusters),
      schedules: this.#schedules,
      models: modelsByStage(ledgers.flatMap(({ models }) => models)),
      money: moneyRows(ledgers, this.#openRuns.costs, now),
    };
  }

  /** Of what cannot be had the page says so, and shows what there was. */
  async #try<T>(what: string, ask: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await ask();
      this.#troubles.delete(what);
      return answer;
    } catch (error) {
      this.#troubles.set(what, `${what}: ${describeFailure(error).message}`);
      return null;
    }
  }

  #show(parts: OverviewParts, open: number): void {
    for (const name of Object.keys(parts) as (keyof OverviewParts)[])
      if (JSON.stringify(parts[name]) !== JSON.stringify(this.#parts[name])) this.#emit(name, parts[name]);
    const about = { openRuns: open, ledgerReadAt: this.#readAt, troubles: [...this.#troubles.values()] };
    if (JSON.stringify(about) !== this.#about) this.#emit('about', about);
    this.#about = JSON.stringify(about);
    this.#parts = parts;
    this.#open = open;
  }

  #emit(name: string, data: unknown): void {
    this.#version++;
    this.events.append(name, data);
  }
}

const keyOf = ({ team, profileName, machines }: Site): string => canonicalJson([team, profileName, machines]);

function siteOf(document: RunDocument, team: string | null): Site {
  const { profile, profileName } = document;
  const { warehouse, compute, clusters = null, cluster = null, pools } = profile;
  const machines = canonicalJson([compute, clusters, cluster, pools.map(({ name }) => name)]);
  return { profileName, profile, team, document, ledger: canonicalJson(warehouse), machines };
}
