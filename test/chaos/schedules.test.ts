import { short, survive } from './survival.ts';

/**
 * Workers, a trainer, connections and clocks: each breaks in one run. The server is killed in test/e2e/steps.test.ts, and in
 * test/chaos-more, by what seeds 1 to 20 break one by one.
 */
survive([short(3, 6)]);
