/** `npm run bench -- fuzz [--json] [--count 10000] [--seed 1]`: mutated projects through the compiler, mutated documents through their schemas. */
import { fuzz } from '../test/unit/compile/fuzz.ts';
import { parseMutants } from '../test/unit/security/mutate-document.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const { values, whole } = commandLine({
  call: 'npm run bench -- fuzz',
  about: 'Documents and projects that are broken at random, and what they are answered.',
  options: {
    json: JSON_OPTION,
    count: { type: 'string', default: '10000', value: 'N', about: 'how many of each' },
    seed: { type: 'string', default: '1', value: 'N', about: 'of the draw' },
  },
});
const options = { count: whole('count'), seed: whole('seed', 0) };
const documents = parseMutants(options);
const projects = await fuzz(options);
const result = {
  documents_accepted: documents.accepted,
  documents_refused: documents.refused,
  projects_compiled: projects.compiled,
  projects_refused: projects.refused,
  slowest_ms: Math.round(Math.max(documents.slowestMs, projects.slowestMs)),
};
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(20)} ${value}\n`);
