import { survive } from '../chaos/survival.ts';

survive({ first: 7, last: 13 });
