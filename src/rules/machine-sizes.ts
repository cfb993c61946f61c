/** Sizes of machine types by their names. Pure. */

interface MachineSize {
  readonly cpu: number;
  readonly memoryMb: number;
}

/** GiB a vCPU by family and kind, as https://cloud.google.com/compute/docs/general-purpose-machines has them. */
const GIB_PER_CPU: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  e2: { standard: 4, highmem: 8, highcpu: 1 },
  n1: { standard: 3.75, highmem: 6.5, highcpu: 0.9 },
  n2: { standard: 4, highmem: 8, highcpu: 1 },
  n2d: { standard: 4, highmem: 8, highcpu: 1 },
  n4: { standard: 4, highmem: 8, highcpu: 2 },
  c2: { standard: 4 },
  c2d: { standard: 4, highmem: 8, highcpu: 2 },
  c3: { standard: 4, highmem: 8, highcpu: 2 },
  c3d: { standard: 4, highmem: 8, highcpu: 2 },
  t2d: { standard: 4 },
};

/** null: its name does not tell. @example machineSize('e2-standard-4') // { cpu: 4, memoryMb: 16384 } */
export function machineSize(type: string): MachineSize | null {
  const [, family = '', kind = '', cpu = ''] = /^([a-z0-9]+)-(standard|highmem|highcpu)-(\d+)$/.exec(type) ?? [];
  const gib = GIB_PER_CPU[family]?.[kind];
  return gib === undefined ? null : { cpu: Number(cpu), memoryMb: Number(cpu) * gib * 1024 };
}
