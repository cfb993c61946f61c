import { seeds, survive } from '../chaos/survival.ts';

survive(seeds({ first: 14, last: 20 }));
