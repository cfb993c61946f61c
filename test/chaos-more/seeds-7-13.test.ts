import { seeds, survive } from '../chaos/survival.ts';

survive(seeds({ first: 7, last: 13 }));
