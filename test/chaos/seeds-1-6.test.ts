import { survive } from './survival.ts';

/** Every worker, the server, trainers, connections, the disk and a clock: each breaks in one of them. The others are in test/chaos-more. */
survive({ first: 1, last: 6 });
