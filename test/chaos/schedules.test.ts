import { short, survive } from './survival.ts';

/** The server, a worker, connections and a clock break in one run. What seeds 1 to 20 break one by one is in test/chaos-more. */
survive([short(3, 6)]);
