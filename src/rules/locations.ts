/** Where a data set, a bucket and machines are, and which bytes between them are paid for or cannot go at all. Pure. */

/** Of each the regions or multi-regions that it lies in; empty: not known, or nothing of that kind. */
export interface Places {
  readonly dataset: readonly string[];
  readonly bucket: readonly string[];
  readonly cluster: readonly string[];
}

interface Crossing {
  readonly between: readonly [keyof Places, keyof Places];
  readonly detail: string;
  readonly remedy: string;
}

/** https://cloud.google.com/storage/docs/locations#predefined */
const DUAL: Readonly<Record<string, readonly string[]>> = {
  asia1: ['asia-northeast1', 'asia-northeast2'],
  eur4: ['europe-north1', 'europe-west4'],
  eur5: ['europe-west1', 'europe-west2'],
  eur7: ['europe-west2', 'europe-west3'],
  eur8: ['europe-west3', 'europe-west6'],
  nam4: ['us-central1', 'us-east1'],
};
/** Beginnings of the regions of a multi-region. */
const MULTI: Readonly<Record<string, string>> = { us: 'us-', eu: 'europe-', asia: 'asia-' };

const PAIRS = [
  ['dataset', 'bucket', 'BigQuery exports to, and loads from, a bucket beside its data set only: another location is refused'],
  ['bucket', 'cluster', 'each reading of the data and each checkpoint crosses between them, slowly, and is billed by the GB'],
] as const;

/** @example crossings({ dataset: ['EU'], bucket: ['us-central1'], cluster: [] }).length === 1 */
export function crossings(places: Places): Crossing[] {
  return PAIRS.flatMap(([one, other, why]): Crossing[] => {
    const [from, to] = [regionsOf(places[one]), regionsOf(places[other])];
    // Machines of any region may be given the work: each must be near.
    const far = to.filter((place) => !from.some((near) => isTogether(near, place)));
    const apart = one === 'bucket' ? far.length > 0 : far.length === to.length;
    if (from.length === 0 || to.length === 0 || !apart) return [];
    const [near, there] = [places[one].join(' and '), (one === 'bucket' ? far : places[other]).join(' and ')];
    return [
      {
        between: [one, other],
        detail: `the ${NAMES[one]} is in ${near}, the ${NAMES[other]} in ${there}: ${why}`,
        remedy: `keep both in one region, or the ${NAMES[one]} in a multi-region around the ${NAMES[other]}`,
      },
    ];
  });
}

const NAMES: Readonly<Record<keyof Places, string>> = { dataset: 'data set', bucket: 'bucket', cluster: 'cluster' };

const regionsOf = (places: readonly string[]): string[] => [
  ...new Set(places.map((place) => place.toLowerCase()).flatMap((place) => DUAL[place] ?? [place])),
];

function isTogether(a: string, b: string): boolean {
  return a === b || contains(a, b) || contains(b, a);
}

const contains = (multi: string, region: string): boolean => {
  const beginning = MULTI[multi];
  return beginning !== undefined && region.startsWith(beginning);
};
