import type { Json } from '../contract/values.ts';
import { told } from './pod-tree.ts';

const UNITS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * A quantity of Kubernetes (`500m`, `2Gi`, `1e3`), in units of `per`; undefined where there is none, NaN where it is no quantity.
 * @example quantity('2Gi', 1024 ** 2) // 2048
 */
export function quantity(value: Json | undefined, per = 1): number | undefined {
  if (value === undefined || value === null) return undefined;
  const [, digits = '', unit = ''] = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(told(value)) ?? [];
  const size = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  return digits === '' || size === undefined ? NaN : (Number(digits) * size) / per;
}
