/** Which project keeps runs here: the launcher asks the same, before anything is installed. */
export { projectWithRuns } from '../../bin/setup-tools.mjs';
