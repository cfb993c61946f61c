import { survive } from './survival.ts';

survive({ first: 1, last: 10 });
