import { survive } from '../chaos/survival.ts';

survive({ first: 14, last: 20 });
