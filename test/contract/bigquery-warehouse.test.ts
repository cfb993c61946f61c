import { openGoogle } from '../support/google.ts';
import { warehouseContract } from './warehouse.contract.ts';

warehouseContract('bigquery', async () => {
  const google = await openGoogle();
  return {
    warehouse: await google.connect(),
    other: await google.connect(),
    store: google.store,
    dataset: 'contract',
    splitsParts: true,
    partsAreFull: false,
    close: () => google.close(),
  };
});
