/** JSON as trainers write it: Python's `json.dumps` puts NaN and Infinity bare, which JSON has no words for. */

const STRING_OR_NOT_FINITE = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

/**
 * Numbers that are not finite are null, as everywhere in the trial contract.
 *
 * @throws SyntaxError where it is none even so
 * @example parseTrainerJson('{"loss": NaN}') // { loss: null }
 */
export function parseTrainerJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(STRING_OR_NOT_FINITE, (found) => (found.startsWith('"') ? found : 'null')));
  }
}
