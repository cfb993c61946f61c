/**
 * Preloaded into a worker (`node --import`): its wall clock is off by what the file `LONGHAUL_CHAOS_CLOCKS/NAME` says, in ms. Only `Date` is: timers,
 * `performance.now()`, file times and the native core of Temporal's SDK keep the machine's clock, which others use as well.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const LOOK_EVERY_MS = 50;
const file = join(process.env.LONGHAUL_CHAOS_CLOCKS, basename(process.argv[1] ?? '', '.ts'));

let offset = 0;
function look() {
  try {
    offset = Number(readFileSync(file, 'utf8'));
  } catch {
    offset = 0;
  }
}
look();
setInterval(look, LOOK_EVERY_MS).unref();

const RealDate = globalThis.Date;
const now = () => RealDate.now() + offset;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});
