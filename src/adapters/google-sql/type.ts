import { AdapterError } from '../../contract/errors.ts';
import { GOOGLE_TYPES, parseGoogleType } from '../../contract/google-type.ts';
import type { GoogleType } from '../../contract/google-type.ts';
import type { QueryParameter } from '../../contract/values.ts';

/** The type of a query parameter of a run document, which may come from anywhere. */
export function typeOfParameter(parameter: QueryParameter, path: string): GoogleType {
  const type = parseGoogleType(parameter.type);
  if (type) return type;
  throw new AdapterError('InvalidInput', `${path}.type: expected ${GOOGLE_TYPES}, found ${JSON.stringify(parameter.type)}`);
}
