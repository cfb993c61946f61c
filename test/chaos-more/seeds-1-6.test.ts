import { seeds, survive } from '../chaos/survival.ts';

survive(seeds({ first: 1, last: 6 }));
