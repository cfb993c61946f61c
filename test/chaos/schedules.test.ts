import { short, survive } from './survival.ts';

/**
 * Every worker, the server, trainers, connections, the disk and clocks: each breaks in one of them. What seeds 1 to 6 break one by one, and
 * 7 to 20, is in test/chaos-more.
 */
survive([short(1, 4), short(2, 5), short(3, 6)]);
