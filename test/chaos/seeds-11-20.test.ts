import { survive } from './survival.ts';

survive({ first: 11, last: 20 });
