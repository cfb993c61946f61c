/** One development server for all files of the suite: each harness has a namespace of its own in it. */
import { serveTemporal } from './environment.ts';

export async function setup(): Promise<() => Promise<void>> {
  return serveTemporal();
}
