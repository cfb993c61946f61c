import { readdirSync, readFileSync } from 'node:fs';

/** Processes of trials and scripts, by their environment: the mark of their world, and what else is in it. */
export function jobProcesses(...marks: readonly string[]): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        return environment.includes('LONGHAUL_ATTEMPT=') && marks.every((mark) => environment.includes(mark));
      } catch {
        return false;
      }
    })
    .map(Number);
}

export function signal(pid: number | null, name: NodeJS.Signals): void {
  if (pid === null) return;
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself a moment ago.
  }
}
