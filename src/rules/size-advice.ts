/** What the attempts of a search used of what they asked for, and what would do. Pure. */
import type { LedgerRow, LedgerValue } from '../contract/ledger.ts';
import type { Pool, Resources } from '../contract/profile.ts';
import { GRACES } from './durations.ts';
import { machineSize } from './machine-sizes.ts';

/** Above the peak, so that a slow moment or a larger batch still fits. */
const CPU_HEADROOM = 1.15;
const MEMORY_HEADROOM = 1.3;
/** Of looks a minute apart, which most peaks fall between. */
const SELDOM_CPU_HEADROOM = 1.5;
const SELDOM_MEMORY_HEADROOM = 1.6;
/** Of a machine some is its system's: so much is left for pods at least, of those with 4 cores and more on GKE. */
const CPU_LEFT = 0.94;
const MEMORY_LEFT = 0.8;
/** Less than this is no reason to change anything. */
const LEAST_CHANGE = 0.2;
const TIGHT_MEMORY = 0.9;
const WAITS_MUCH = 0.3;
const IDLE_GPU = 0.3;
/** Quarters of a core. */
const CPU_STEPS = 4;
const MEMORY_STEP_MB = 256;
const SECONDS_PER_HOUR = 3600;
const MACHINE_TYPE = 'node.kubernetes.io/instance-type';

/** Per hour, by machine type: those of a prices file. */
export type MachinePrices = Readonly<Record<string, { readonly onDemand: number; readonly spot?: number | undefined }>>;

interface SizeInput {
  readonly step: string;
  readonly resources: Resources;
  /** Equal bits need an equal number; no fewer cores are advised. */
  readonly threads: number;
  readonly nodes: number;
  readonly attempts: readonly LedgerRow<'attempts'>[];
  readonly pools: readonly Pool[];
  readonly machines: MachinePrices;
}

interface PoolAdvice {
  readonly pool: string;
  readonly machine: string;
  readonly instead: string;
  readonly pricePerHour: number;
  readonly insteadPerHour: number;
  /** What the hours of this run in that pool had cost less. */
  readonly saved: number;
}

export interface SizeAdvice {
  readonly step: string;
  /** Attempts that ran, and how many of them were measured. */
  readonly attempts: number;
  readonly measured: number;
  readonly requested: Resources;
  /** null: nothing was measured. Mean over time; the peak of any attempt. */
  readonly used: {
    readonly cpu: number;
    readonly cpuPeak: number;
    readonly memoryMb: number;
    readonly memoryPeakMb: number;
    readonly gpu: number | null;
    /** null: the machines were asked, and not the trainings. */
    readonly waitShare: number | null;
  } | null;
  /** What would do; what is as asked for is right. */
  readonly advised: Pick<Resources, 'cpu' | 'memoryMb'>;
  readonly pools: readonly PoolAdvice[];
  /** In words: what else was seen, and what is not known. */
  readonly notes: readonly string[];
}

export function sizeAdvice(input: SizeInput): SizeAdvice {
  const { step, resources, attempts } = input;
  const ran = attempts.filter((row) => (numberOf(row.seconds) ?? 0) > 0);
  const rows = ran.filter((row) => (numberOf(row.measured_seconds) ?? 0) > 0);
  const seconds = rows.reduce((sum, row) => sum + (numberOf(row.measured_seconds) ?? 0), 0);
  const used = rows.length === 0 ? null : usedOf(rows, seconds);
  const judged = used !== null && seconds >= GRACES.judgedUseSeconds;
  const advised = judged ? advisedOf(input, used) : { cpu: resources.cpu, memoryMb: resources.memoryMb };
  const found = judged ? poolsAdvice(input, advised, ran) : { pools: [], notes: [] };
  return {
    step,
    attempts: ran.length,
    measured: rows.length,
    requested: resources,
    used,
    advised,
    pools: found.pools,
    notes: [...notesOf(input, used, seconds, ran.length - rows.length), ...found.notes],
  };
}

const numberOf = (value: LedgerValue | undefined): number | null => (value === null || value === undefined ? null : Number(value));

function usedOf(rows: SizeInput['attempts'], seconds: number): NonNullable<SizeAdvice['used']> {
  type Column = keyof LedgerRow<'attempts'>;
  const mean = (column: Column): number =>
    rows.reduce((sum, row) => sum + (numberOf(row[column]) ?? 0) * (numberOf(row.measured_seconds) ?? 0), 0) / seconds;
  const peak = (column: Column): number => Math.max(...rows.map((row) => numberOf(row[column]) ?? 0));
  return {
    cpu: mean('cpu_used'),
    cpuPeak: peak('cpu_peak'),
    memoryMb: mean('memory_used_mb'),
    memoryPeakMb: peak('memory_peak_mb'),
    gpu: rows.some((row) => numberOf(row.gpu_used) !== null) ? mean('gpu_used') : null,
    waitShare: rows.some((row) => numberOf(row.wait_share) === null) ? null : mean('wait_share'),
  };
}

const headroomOf = ({ waitShare }: NonNullable<SizeAdvice['used']>): { readonly cpu: number; readonly memory: number } =>
  waitShare === null ? { cpu: SELDOM_CPU_HEADROOM, memory: SELDOM_MEMORY_HEADROOM } : { cpu: CPU_HEADROOM, memory: MEMORY_HEADROOM };

function advisedOf({ resources, threads }: SizeInput, used: NonNullable<SizeAdvice['used']>): SizeAdvice['advised'] {
  const headroom = headroomOf(used);
  const cores = Math.max(used.cpuPeak * headroom.cpu, threads);
  const cpu = Math.ceil(cores * CPU_STEPS) / CPU_STEPS;
  const memoryMb = Math.ceil((used.memoryPeakMb * headroom.memory) / MEMORY_STEP_MB) * MEMORY_STEP_MB;
  const less = (now: number, then: number): boolean => then <= now * (1 - LEAST_CHANGE);
  const tight = used.memoryPeakMb > resources.memoryMb * TIGHT_MEMORY;
  return {
    cpu: less(resources.cpu, cpu) ? cpu : resources.cpu,
    memoryMb: tight || less(resources.memoryMb, memoryMb) ? memoryMb : resources.memoryMb,
  };
}

function notesOf({ resources, nodes, threads }: SizeInput, used: SizeAdvice['used'], seconds: number, unmeasured: number): string[] {
  if (used === null)
    return [
      'nothing was measured: the trainer is not on the SDK and the cluster serves no metrics of pods, or attempts were too short, or ran with an older version',
    ];
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return [
    ...(seconds < GRACES.judgedUseSeconds ? [`measured for ${Math.round(seconds)} s only: too short to judge by`] : []),
    ...(unmeasured > 0 ? [`not measured: ${unmeasured} of the attempts`] : []),
    ...(nodes > 1 ? [`of ${nodes} machines that of rank 0 was measured`] : []),
    ...(used.memoryPeakMb > resources.memoryMb * TIGHT_MEMORY
      ? [`memory is tight: ${percent(used.memoryPeakMb / resources.memoryMb)} of it was used`]
      : []),
    ...(used.waitShare === null
      ? ['measured by metrics of pods, about once a minute: more is left above the peak, and whether training waited for data is not known']
      : []),
    ...(used.waitShare !== null && used.waitShare > WAITS_MUCH
      ? [
          `training waited for data ${percent(used.waitShare)} of the time: read further ahead, decode with more processes, or make the data smaller`,
        ]
      : []),
    ...(resources.gpu > 0 && used.gpu === null
      ? [`use of the GPUs is not known${used.waitShare === null ? '' : ': there is no nvidia-smi in the image'}`]
      : []),
    ...(used.gpu !== null && used.gpu < IDLE_GPU ? [`GPUs were in use ${percent(used.gpu)} of the time`] : []),
    ...(threads > used.cpuPeak * headroomOf(used).cpu
      ? [`threads: ${threads} is kept as the least number of cores, since equal bits need it`]
      : []),
  ];
}

/** Only of pools that the run used; of machines whose size and price are known. */
function poolsAdvice(input: SizeInput, advised: SizeAdvice['advised'], ran: SizeInput['attempts']): Pick<SizeAdvice, 'pools' | 'notes'> {
  if (input.resources.gpu > 0) return { pools: [], notes: ['machines with GPUs are not compared: their sizes are not known here'] };
  const pools: PoolAdvice[] = [];
  const notes: string[] = [];
  for (const pool of input.pools) {
    const hours = ran.reduce((sum, row) => sum + (row.pool === pool.name ? (numberOf(row.seconds) ?? 0) : 0), 0) / SECONDS_PER_HOUR;
    if (hours === 0) continue;
    const machine = pool.nodeSelector[MACHINE_TYPE];
    if (machine === undefined) {
      notes.push(`pool ${pool.name}: its nodeSelector names no ${MACHINE_TYPE}, so no smaller machine is looked for`);
      continue;
    }
    const candidates = candidatesOf(input, pool).filter(({ type }) => type !== machine && fits(type, advised));
    if (candidates.length === 0) {
      notes.push(`pool ${pool.name}: no price of another machine that would do is known; --prices FILE gives some`);
      continue;
    }
    const [best] = [...candidates].sort((a, b) => a.price - b.price || a.type.localeCompare(b.type));
    if (best === undefined || best.price >= pool.pricePerHour) continue;
    const saved = hours * input.nodes * (pool.pricePerHour - best.price);
    pools.push({ pool: pool.name, machine, instead: best.type, pricePerHour: pool.pricePerHour, insteadPerHour: best.price, saved });
  }
  return { pools, notes };
}

interface Candidate {
  readonly type: string;
  readonly price: number;
}

/** Spot machines take the place of spot machines. */
function candidatesOf({ machines, pools }: SizeInput, { spot, cluster }: Pool): Candidate[] {
  const priced = Object.entries(machines).flatMap(([type, price]): Candidate[] => {
    const perHour = spot ? price.spot : price.onDemand;
    return perHour === undefined ? [] : [{ type, price: perHour }];
  });
  const others = pools.flatMap((pool): Candidate[] => {
    const type = pool.nodeSelector[MACHINE_TYPE];
    return type === undefined || pool.spot !== spot || pool.cluster !== cluster || pool.pricePerHour === 0 || Object.hasOwn(machines, type)
      ? []
      : [{ type, price: pool.pricePerHour }];
  });
  return [...priced, ...others];
}

function fits(type: string, { cpu, memoryMb }: SizeAdvice['advised']): boolean {
  const size = machineSize(type);
  return size !== null && cpu <= size.cpu * CPU_LEFT && memoryMb <= size.memoryMb * MEMORY_LEFT;
}
