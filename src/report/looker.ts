/** A new report in Looker Studio with the ledger's views connected: https://developers.google.com/looker-studio/integrate/linking-api */
import { InvalidInputError } from '../contract/errors.ts';
import { LEDGER_VIEWS } from '../contract/names.ts';
import type { Profile } from '../contract/profile.ts';

const CREATE = 'https://lookerstudio.google.com/reporting/create';

/**
 * The link for whoever may read the data set; Looker Studio asks for nothing else.
 *
 * @param template id of a report to copy, whose data sources have the aliases `ds0` (v_trials) … `ds3` (v_costs); a blank one without it
 * @throws InvalidInputError when the profile's warehouse is not BigQuery, or an emulator of it
 * @example
 * lookerUrl(profile, 'grocery-ranking'); // https://lookerstudio.google.com/reporting/create?c.mode=edit&r.reportName=…
 */
export function lookerUrl({ warehouse }: Pick<Profile, 'warehouse'>, pipeline: string, template?: string): string {
  if (warehouse.kind !== 'bigquery' || warehouse.apiEndpoint !== undefined)
    throw new InvalidInputError([
      {
        file: 'profile',
        path: 'warehouse',
        message: 'Looker Studio reads the ledger from BigQuery',
        expected: 'a run whose profile has warehouse.kind bigquery',
        found: warehouse.kind === 'bigquery' ? `an emulator at ${String(warehouse.apiEndpoint)}` : warehouse.kind,
        hint: '`longhaul report` writes the same charts to one HTML file, for any warehouse',
      },
    ]);
  const parameters = new URLSearchParams({
    ...(template === undefined ? {} : { 'c.reportId': template }),
    'c.mode': 'edit',
    'r.reportName': `Longhaul: ${pipeline}`,
  });
  for (const [i, view] of LEDGER_VIEWS.entries()) {
    const source = {
      connector: 'bigQuery',
      datasourceName: view,
      type: 'TABLE',
      projectId: warehouse.project,
      datasetId: warehouse.dataset,
      tableId: view,
      billingProjectId: warehouse.project,
    };
    for (const [name, value] of Object.entries(source)) parameters.set(`ds.ds${i}.${name}`, value);
  }
  return `${CREATE}?${parameters.toString()}`;
}
