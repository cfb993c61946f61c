import { describe, expect, test } from 'vitest';
import type { Problem } from '../../../src/contract/errors.ts';
import { inlineQuery, pipeline, problemsOf } from './project.ts';

const APPROVAL = 'ask: { kind: approval, message: ok }';
const EXPORT = (fields: string): string => `${inlineQuery('d')}\nparts: { kind: export, table: "{steps.d.outputs.table}", ${fields} }`;
const SEARCH = (fields: string): string =>
  `search: { kind: search, data: { train: "{storage}/t" }, features: "{storage}/f.json", objective: { metric: loss, direction: minimize }, space: { lr: { type: float, low: 0, high: 1 } }, n_trials: 2, ${fields} }`;

interface Case {
  readonly what: string;
  readonly text: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly set?: readonly string[];
  readonly says: Partial<Problem>;
}

/** Each mistake is one message that says where it is, what was expected and what was found. */
const CASES: readonly Case[] = [
  // The file itself
  { what: 'an empty file', text: '', says: { file: 'pipeline.yaml', line: 1, message: 'the file is empty' } },
  { what: 'a list', text: '- a', says: { expected: 'a map of fields', found: 'a list' } },
  { what: 'a text', text: 'hello', says: { expected: 'a map of fields', found: '"hello"' } },
  {
    what: 'a key twice',
    text: `version: 1\nname: a\nname: b\nsteps: {}`,
    says: { line: 3, column: 1, message: 'map keys must be unique' },
  },
  { what: 'an open quote', text: 'version: 1\nname: "a\nsteps: {}', says: { file: 'pipeline.yaml', line: 3 } },
  { what: 'a tab', text: 'version: 1\nsteps:\n\ta: 1', says: { line: 3 } },
  {
    what: '__proto__',
    text: pipeline(APPROVAL, '__proto__: { x: 1 }'),
    says: { line: 3, message: 'this key is not allowed', found: '__proto__' },
  },
  {
    what: 'a merge key',
    text: pipeline(`${APPROVAL}\nb:\n  <<: *x`).replace('ask:', 'ask: &x'),
    says: { message: 'merge keys are not supported' },
  },
  {
    what: 'two documents in one file',
    text: 'version: 1\nname: a\nsteps: {}\n---\nversion: 1\n',
    says: { line: 4, message: 'a file is one document, and a second one begins here', hint: 'put the second into a file of its own' },
  },
  { what: 'an unknown anchor', text: pipeline('a: *nowhere'), says: { line: 5 } },
  {
    what: 'a number too large',
    text: pipeline(APPROVAL, 'params: { n: 12345678901234567890 }'),
    says: { line: 3, column: 14, path: 'params.n', found: '12345678901234567890' },
  },
  // Top level
  {
    what: 'another version',
    text: pipeline(APPROVAL).replace('version: 1', 'version: 2'),
    says: { line: 1, column: 10, path: 'version', expected: '1', found: '2' },
  },
  {
    what: 'no name',
    text: pipeline(APPROVAL).replace('name: test', ''),
    says: { path: 'name', message: '"name" is missing', expected: 'a text' },
  },
  { what: 'a bad name', text: pipeline(APPROVAL).replace('name: test', 'name: My_Test'), says: { path: 'name', found: '"My_Test"' } },
  {
    what: 'an unknown field',
    text: pipeline(APPROVAL, 'pramas: {}'),
    says: { line: 3, column: 1, path: 'pramas', hint: 'did you mean params?' },
  },
  { what: 'no steps', text: 'version: 1\nname: a', says: { path: 'steps', message: '"steps" is missing' } },
  { what: 'empty steps', text: 'version: 1\nname: a\nsteps: {}', says: { path: 'steps', message: 'the pipeline has no steps' } },
  {
    what: 'steps in a list',
    text: 'version: 1\nname: a\nsteps: [a]',
    says: { path: 'steps', message: 'wrong type', expected: 'a map: name of a step, then its fields' },
  },
  // Params
  {
    what: 'a param of the wrong type',
    text: pipeline(APPROVAL, 'params: { n: { type: int, default: 1.5 } }'),
    says: { path: 'params.n.default', expected: 'a whole number', found: '1.5' },
  },
  {
    what: 'a param outside of its choices',
    text: pipeline(APPROVAL, 'params: { m: { default: fats, choices: [fast, slow] } }'),
    says: { path: 'params.m.default', expected: 'fast, slow', hint: 'did you mean fast?' },
  },
  {
    what: 'a param without a value',
    text: pipeline(APPROVAL, 'params: { n: { type: int } }'),
    says: { path: 'params.n', message: '"n" has no value', hint: 'give it a default, or --set params.n=…' },
  },
  {
    what: 'a param that is no URI',
    text: pipeline(APPROVAL, 'params: { u: { type: uri, default: "s3://x" } }'),
    says: { path: 'params.u.default', found: '"s3://x"' },
  },
  {
    what: 'an unknown param',
    text: pipeline('a: { kind: approval, message: "{params.wekes}" }', 'params: { weeks: 4 }'),
    says: { line: 5, column: 34, hint: 'did you mean params.weeks?' },
  },
  {
    what: 'a param without its prefix',
    text: pipeline('a: { kind: approval, message: "{weeks}" }', 'params: { weeks: 4 }'),
    says: { hint: 'did you mean {params.weeks}?' },
  },
  // --set
  {
    what: '--set of an unknown param',
    text: pipeline(APPROVAL, 'params: { weeks: 4 }'),
    set: ['params.week=5'],
    says: { file: '--set params.week=5', hint: 'did you mean weeks?' },
  },
  {
    what: '--set with a wrong value',
    text: pipeline(APPROVAL, 'params: { weeks: 4 }'),
    set: ['params.weeks=many'],
    says: { file: '--set params.weeks=many', expected: 'a whole number', found: '"many"' },
  },
  { what: '--set of an unknown step', text: pipeline(APPROVAL), set: ['steps.aks.message=x'], says: { hint: 'did you mean ask?' } },
  {
    what: '--set of an unknown field',
    text: pipeline(APPROVAL),
    set: ['steps.ask.mesage=x'],
    says: { file: '--set steps.ask.mesage=x', hint: 'did you mean message?' },
  },
  { what: '--set without a value', text: pipeline(APPROVAL), set: ['params.x'], says: { message: 'not an assignment' } },
  { what: '--set of the name', text: pipeline(APPROVAL), set: ['name=x'], says: { message: 'this cannot be set' } },
  { what: '--set of __proto__', text: pipeline(APPROVAL), set: ['steps.__proto__.x=1'], says: { message: 'this cannot be set' } },
  // Steps
  { what: 'a bad step name', text: pipeline('Ask: { kind: approval, message: ok }'), says: { line: 5, column: 3, path: 'steps.Ask' } },
  { what: 'no kind', text: pipeline('a: { message: ok }'), says: { path: 'steps.a', message: '"kind" is missing' } },
  { what: 'an unknown kind', text: pipeline('a: { kind: quiery }'), says: { path: 'steps.a.kind', hint: 'did you mean query?' } },
  {
    what: 'an unknown field of a step',
    text: pipeline('ask: { kind: approval, message: ok, timout: 3h }'),
    says: { path: 'steps.ask.timout', hint: 'did you mean timeout?' },
  },
  {
    what: 'a missing field',
    text: pipeline('ask: { kind: approval }'),
    says: { line: 5, column: 3, path: 'steps.ask.message', message: '"message" is missing' },
  },
  {
    what: 'a bad duration',
    text: pipeline('ask: { kind: approval, message: ok, timeout: 3 weeks }'),
    says: { path: 'steps.ask.timeout', found: '"3 weeks"' },
  },
  {
    what: 'a text for a number',
    text: pipeline(EXPORT('rowsPerPart: ten')),
    says: { path: 'steps.parts.rowsPerPart', expected: 'a number', found: '"ten"' },
  },
  {
    what: 'a number out of range',
    text: pipeline(EXPORT('rowsPerPart: 0')),
    says: { path: 'steps.parts.rowsPerPart', expected: 'more than 0', found: '0' },
  },
  {
    what: 'a choice that is none',
    text: pipeline(EXPORT('compression: brotli')),
    says: { path: 'steps.parts.compression', expected: 'snappy, zstd, gzip, none', found: '"brotli"' },
  },
  {
    what: 'an output of a step for a number',
    text: pipeline(EXPORT('rowsPerPart: "{steps.d.outputs.rows}"')),
    says: { path: 'steps.parts.rowsPerPart', hint: 'a value that only the run knows can stand in texts, inputs and query parameters only' },
  },
  // References
  {
    what: 'an unknown step',
    text: pipeline(`${inlineQuery('dataset')}\nparts: { kind: export, table: "{steps.datset.outputs.table}" }`),
    says: { path: 'steps.parts.table', hint: 'did you mean dataset?' },
  },
  {
    what: 'an unknown output',
    text: pipeline(EXPORT('after: d').replace('outputs.table', 'outputs.tabel')),
    says: { path: 'steps.parts.table', hint: 'did you mean table?' },
  },
  {
    what: 'an output that every object has',
    text: pipeline(EXPORT('after: d').replace('outputs.table', 'outputs.constructor')),
    says: { path: 'steps.parts.table', message: 'step d has no output "constructor"' },
  },
  {
    what: 'an output of the wrong type',
    text: pipeline(EXPORT('after: d').replace('outputs.table', 'outputs.rows')),
    says: { path: 'steps.parts.table', message: 'this output has the wrong type' },
  },
  {
    what: 'the features of a query that has none',
    text: pipeline(`${inlineQuery('d')}\n${SEARCH('after: d').replace('{storage}/f.json', '{steps.d.outputs.features}')}`),
    says: { path: 'steps.search.features', hint: 'give the step d a feature table: features: …' },
  },
  {
    what: 'a reference that is no output',
    text: pipeline(EXPORT('after: d').replace('outputs.table', 'table')),
    says: { expected: '{steps.STEP.outputs.NAME}' },
  },
  {
    what: 'an unclosed reference',
    text: pipeline('a: { kind: approval, message: "see {params.x" }', 'params: { x: 1 }'),
    says: { line: 5, column: 38, message: 'this reference is not closed' },
  },
  {
    what: 'a step of onExit in a main step',
    text: `${pipeline('a: { kind: approval, message: "{steps.b.outputs.by}" }')}onExit: { b: { kind: approval, message: x } }`,
    says: { message: 'there is no step "b"' },
  },
  {
    what: 'a name twice, in steps and onExit',
    text: `${pipeline(APPROVAL)}onExit: { ask: { kind: approval, message: x } }`,
    says: { path: 'onExit.ask', message: 'another step has this name' },
  },
  {
    what: 'a step that waits for itself',
    text: pipeline('a: { kind: approval, message: x, after: a }'),
    says: { message: 'these steps wait for each other', found: 'a → a' },
  },
  {
    what: 'steps in a circle',
    text: pipeline(
      'a: { kind: approval, message: x, after: b }\nb: { kind: approval, message: "{steps.c.outputs.by}" }\nc: { kind: approval, message: x, when: "steps.a.outputs.approved" }',
    ),
    says: { found: 'a → b → c → a' },
  },
  {
    what: 'an unknown step in after',
    text: pipeline('ask: { kind: approval, message: x, after: [oter] }\nother: { kind: approval, message: x }'),
    says: { path: 'steps.ask.after', hint: 'did you mean other?' },
  },
  {
    what: 'a text that the run would bind',
    text: pipeline('a: { kind: approval, message: "{{run}}" }'),
    says: { message: '{run} cannot be written literally: the run would bind it' },
  },
  // forEach
  {
    what: 'forEach over a text',
    text: pipeline('a: { kind: approval, message: x, forEach: train }'),
    says: { path: 'steps.a.forEach', message: 'wrong type' },
  },
  {
    what: 'forEach over nothing',
    text: pipeline('a: { kind: approval, message: x, forEach: { s: [] } }'),
    says: { path: 'steps.a.forEach.s', expected: 'a list of values, one at least' },
  },
  {
    what: 'instances of the same name',
    text: pipeline('a: { kind: approval, message: x, forEach: { s: [A, a] } }'),
    says: { message: 'two instances have the same name' },
  },
  {
    what: 'instances from outputs',
    text: pipeline('a: { kind: approval, message: x }\nb: { kind: approval, message: x, forEach: { s: ["{steps.a.outputs.by}"] } }'),
    says: { path: 'steps.b.forEach.s[0]' },
  },
  {
    what: 'a variable with a name that is taken',
    text: pipeline('a: { kind: approval, message: x, forEach: { run: [1] } }'),
    says: { message: 'this name has a meaning already' },
  },
  {
    what: 'too many instances',
    text: pipeline(
      'a: { kind: approval, message: x, forEach: { i: "{params.l}", j: "{params.l}" } }',
      `params: { l: [${Array.from({ length: 40 }, (_, i) => i).join(', ')}] }`,
    ),
    says: { message: 'too many instances', expected: 'at most 1000', found: '1600' },
  },
  {
    what: 'an unknown instance',
    text: pipeline(
      `${inlineQuery('d', 'SELECT 1', 'forEach: { s: [train, test] }')}\nparts: { kind: export, table: "{steps.d.tarin.outputs.table}" }`,
    ),
    says: { hint: 'did you mean train?' },
  },
  {
    what: 'all instances in a text',
    text: pipeline(
      `${inlineQuery('d', 'SELECT 1', 'forEach: { s: [train, test] }')}\na: { kind: approval, message: "see {steps.d.outputs.table}" }`,
    ),
    says: { message: '{steps.d.outputs.table} is all instances of a step and cannot stand inside of a text' },
  },
  // when
  {
    what: 'a condition that ends early',
    text: pipeline('a: { kind: approval, message: x, when: "1 >" }'),
    says: { path: 'steps.a.when', message: 'a value is missing', found: 'the end', column: 46 },
  },
  { what: 'one equals sign', text: pipeline('a: { kind: approval, message: x, when: "1 = 1" }'), says: { column: 45, hint: 'write ==' } },
  { what: '&&', text: pipeline('a: { kind: approval, message: x, when: "true && false" }'), says: { hint: 'write and' } },
  {
    what: 'arithmetic',
    text: pipeline('a: { kind: approval, message: x, when: "1 + 1 == 2" }'),
    says: { column: 45, message: 'this cannot stand in a condition' },
  },
  {
    what: 'a chain of comparisons',
    text: pipeline('a: { kind: approval, message: x, when: "1 < 2 < 3" }'),
    says: { message: 'comparisons cannot be chained' },
  },
  { what: 'an open parenthesis', text: pipeline('a: { kind: approval, message: x, when: "(true" }'), says: { message: '")" is missing' } },
  {
    what: 'a number compared with a text',
    text: pipeline(`${inlineQuery('d')}\na: { kind: approval, message: x, when: "steps.d.outputs.rows > 'ten'" }`),
    says: { message: 'the two sides of > have different types', expected: 'a number', found: 'a text' },
  },
  {
    what: 'a switch that is ordered',
    text: pipeline('b: { kind: approval, message: x }\na: { kind: approval, message: x, when: "steps.b.outputs.approved > true" }'),
    says: { message: '> orders numbers or texts' },
  },
  {
    what: 'a status that does not exist',
    text: pipeline(`b: { kind: approval, message: x }\na: { kind: approval, message: x, when: "steps.b.status == 'suceeded'" }`),
    says: { message: 'no such status', hint: 'did you mean succeeded?' },
  },
  {
    what: 'run.status in a main step',
    text: pipeline(`a: { kind: approval, message: x, when: "run.status == 'failed'" }`),
    says: { message: 'run.status is known in onExit steps only' },
  },
  {
    what: 'an unknown output in a condition',
    text: pipeline(`b: { kind: approval, message: x }\na: { kind: approval, message: x, when: "steps.b.outputs.aproved" }`),
    says: { path: 'steps.a.when', hint: 'did you mean approved?' },
  },
  // Queries
  {
    what: 'a missing SQL file',
    text: pipeline('q: { kind: query, sql: sql/no.sql }'),
    says: { path: 'steps.q.sql', message: 'no such file', expected: 'a path relative to this folder', found: '"sql/no.sql"' },
  },
  {
    what: 'an empty SQL file',
    text: pipeline('q: { kind: query, sql: q.sql }'),
    files: { 'q.sql': ' \n' },
    says: { message: 'the SQL file is empty' },
  },
  {
    what: 'an unknown alias in a SQL file',
    text: pipeline('q: { kind: query, sql: q.sql, tables: { events: a.b } }'),
    files: { 'q.sql': "-- {not} this\nSELECT '{nor} this'\n  FROM {event}" },
    says: { file: 'q.sql', line: 3, column: 8, message: '{event} stands for no table', hint: 'did you mean events?' },
  },
  {
    what: 'a parameter without a value',
    text: pipeline('q: { kind: query, sql: q.sql, with: { week: 4 } }'),
    files: { 'q.sql': 'SELECT @week,\n @weeks' },
    says: { file: 'q.sql', line: 2, column: 2, message: '@weeks has no value', hint: 'did you mean week?' },
  },
  {
    what: 'an empty list as a parameter',
    text: pipeline(inlineQuery('q', 'SELECT @l', 'with: { l: [] }')),
    says: { path: 'steps.q.with.l', message: 'the type of this parameter cannot be told' },
  },
  {
    what: 'a parameter of an unknown type',
    text: pipeline(inlineQuery('q', 'SELECT @l', 'with: { l: { type: NUMBER, value: 1 } }')),
    says: { path: 'steps.q.with.l.type', found: '"NUMBER"' },
  },
  {
    what: 'a date that is none',
    text: pipeline(inlineQuery('q', 'SELECT @l', 'with: { l: { type: DATE, value: 1.1.2024 } }')),
    says: { path: 'steps.q.with.l.value', expected: 'a date: YYYY-MM-DD' },
  },
  {
    what: 'a destination that is no table',
    text: pipeline(inlineQuery('q', 'SELECT 1', 'destination: "d.t; DROP TABLE x"')),
    says: { path: 'steps.q.destination', message: 'not the name of a table' },
  },
  {
    what: 'a table that is none',
    text: pipeline(inlineQuery('q', 'SELECT * FROM {t}', 'tables: { t: "a b" }')),
    says: { path: 'steps.q.tables.t', message: 'not a table' },
  },
  {
    what: 'two queries into one table',
    text: pipeline(inlineQuery('q', 'SELECT 1', 'forEach: { s: [a, b] }\ndestination: d.same')),
    says: { message: 'it writes to the same place as q.a', found: 'd.same' },
  },
  // Feature tables
  {
    what: 'a feature twice',
    text: pipeline(inlineQuery('q', 'SELECT 1', 'features: f.yaml')),
    files: {
      'f.yaml':
        'layout: { kind: flat, session: s, item: i, label: l }\nfeatures:\n  - { name: a, type: numeric, default: 0 }\n  - { name: a, type: numeric, default: 0 }',
    },
    says: { file: 'f.yaml', line: 4, column: 13, path: 'features[1].name', message: 'two features have this name' },
  },
  {
    what: 'a text default of a number',
    text: pipeline(inlineQuery('q', 'SELECT 1', 'features: f.yaml')),
    files: { 'f.yaml': 'layout: { kind: flat, session: s, item: i, label: l }\nfeatures:\n  - { name: a, type: numeric, default: none }' },
    says: { file: 'f.yaml', line: 3, column: 40, expected: 'a number', found: '"none"' },
  },
  {
    what: 'a layout without its label',
    text: pipeline(inlineQuery('q', 'SELECT 1', 'features: f.yaml')),
    files: { 'f.yaml': 'layout: { kind: flat, session: s, item: i }\nfeatures:\n  - { name: a, type: numeric, default: 0 }' },
    says: { file: 'f.yaml', line: 1, path: 'layout.label', message: '"label" is missing' },
  },
  // Exports, searches, scripts
  {
    what: 'an input outside of the storage',
    text: pipeline(SEARCH('seed: 1').replace('{storage}/t', 'gs://other/t')),
    says: { path: 'steps.search.data.train', message: 'this URI is not below the storage of the profile', found: '"gs://other/t"' },
  },
  {
    what: 'a destination outside of the storage',
    text: pipeline(EXPORT('destination: /tmp/x')),
    says: { path: 'steps.parts.destination', expected: '{storage}/…', found: '"/tmp/x"' },
  },
  {
    what: 'a destination that climbs out',
    text: pipeline(EXPORT('destination: "{storage}/../x"')),
    says: { path: 'steps.parts.destination', message: 'a step writes below the storage of the profile' },
  },
  {
    what: 'an empty space',
    text: pipeline(SEARCH('seed: 1').replace('{ lr: { type: float, low: 0, high: 1 } }', '{}')),
    says: { path: 'steps.search.space', message: 'the space is empty' },
  },
  {
    what: 'a range upside down',
    text: pipeline(SEARCH('seed: 1').replace('low: 0', 'low: 3')),
    says: { path: 'steps.search.space.lr', message: 'low is above high' },
  },
  {
    what: 'a logarithm of 0',
    text: pipeline(SEARCH('seed: 1').replace('low: 0', 'low: 0, log: true')),
    says: { path: 'steps.search.space.lr', message: 'a logarithmic range begins above 0' },
  },
  {
    what: 'a parameter that depends on nothing',
    text: pipeline(SEARCH('seed: 1').replace('low: 0', 'low: 0, when: { parameter: rl, in: [1] }')),
    says: { path: 'steps.search.space.lr.when.parameter', found: 'rl' },
  },
  { what: 'a parameter both fixed and searched', text: pipeline(SEARCH('fixed: { lr: 1 }')), says: { path: 'steps.search.fixed.lr' } },
  {
    what: 'an unknown stopping rule',
    text: pipeline(SEARCH('stopping: [{ kind: medain }]')),
    says: { path: 'steps.search.pruner[0].kind', found: '"medain"' },
  },
  {
    what: 'a script of an unknown language',
    text: pipeline('s: { kind: script, file: x.pl }'),
    files: { 'x.pl': '1;' },
    says: { path: 'steps.s.file', expected: '.py or .sh, or `language`' },
  },
  {
    what: 'an output of an unknown type',
    text: pipeline('s: { kind: script, file: x.sh, outputs: { n: integer } }'),
    files: { 'x.sh': 'true' },
    says: { path: 'steps.s.outputs.n', found: '"integer"' },
  },
  // Files
  {
    what: 'a file outside of the project',
    text: pipeline('s: { kind: script, file: /etc/profile, language: shell }'),
    says: { path: 'steps.s.file', message: 'the file lies outside of the project' },
  },
  {
    what: 'a folder for a file',
    text: pipeline('s: { kind: script, file: sub, language: shell }'),
    files: { 'sub/x.sh': '' },
    says: { path: 'steps.s.file', message: 'not a file' },
  },
  {
    what: 'a file that is no text',
    text: pipeline('q: { kind: query, sql: q.sql }'),
    files: { 'q.sql': '\u0000SELECT' },
    says: { path: 'steps.q.sql' },
  },
  // Components and extends
  { what: 'a missing component', text: pipeline('a: { uses: no.yaml }'), says: { path: 'steps.a.uses', message: 'no such file' } },
  {
    what: 'a component without steps',
    text: pipeline('a: { uses: c.yaml }'),
    files: { 'c.yaml': 'inputs: {}' },
    says: { file: 'c.yaml', message: 'a component needs `step` or `steps`' },
  },
  {
    what: 'an input that is not there',
    text: pipeline('a: { uses: c.yaml, with: { tabel: a.b } }'),
    files: { 'c.yaml': 'inputs: { table: { type: table } }\nstep: { kind: export, table: "{inputs.table}" }' },
    says: { path: 'steps.a.with.tabel', hint: 'did you mean table?' },
  },
  {
    what: 'an input that is missing',
    text: pipeline('a: { uses: c.yaml }'),
    files: { 'c.yaml': 'inputs: { table: { type: table } }\nstep: { kind: export, table: "{inputs.table}" }' },
    says: { file: 'pipeline.yaml', path: 'steps.a.with.table', message: '"table" has no value' },
  },
  {
    what: 'an input of the wrong type',
    text: pipeline(`${inlineQuery('d')}\na: { uses: c.yaml, with: { table: "{steps.d.outputs.rows}" } }`),
    files: { 'c.yaml': 'inputs: { table: { type: table } }\nstep: { kind: approval, message: "{inputs.table}" }' },
    says: { path: 'steps.a.with.table', message: 'this output has the wrong type' },
  },
  {
    what: 'a param inside of a component',
    text: pipeline('a: { uses: c.yaml }', 'params: { x: 1 }'),
    files: { 'c.yaml': 'step: { kind: approval, message: "{params.x}" }' },
    says: { file: 'c.yaml', hint: 'a component sees its inputs only: {inputs.name}' },
  },
  {
    what: 'components in a circle',
    text: pipeline('a: { uses: c.yaml }'),
    files: { 'c.yaml': 'steps: { b: { uses: d.yaml } }', 'd.yaml': 'steps: { c: { uses: c.yaml } }' },
    says: { file: 'd.yaml', message: 'these components use each other', found: 'c.yaml → d.yaml → c.yaml' },
  },
  {
    what: 'what is inside of a component',
    text: pipeline('a: { uses: c.yaml }\nb: { kind: approval, message: "{steps.a.c.outputs.by}" }'),
    files: { 'c.yaml': 'steps: { c: { kind: approval, message: x } }\noutputs: { by: "{steps.c.outputs.by}" }' },
    says: { message: '"c" is inside of the component a', hint: 'refer to its outputs: by' },
  },
  {
    what: 'an output that a component has not',
    text: pipeline('a: { uses: c.yaml }\nb: { kind: approval, message: "{steps.a.outputs.bye}" }'),
    files: { 'c.yaml': 'steps: { c: { kind: approval, message: x } }\noutputs: { by: "{steps.c.outputs.by}" }' },
    says: { hint: 'did you mean by?' },
  },
  {
    what: 'components that feed each other',
    text: pipeline('a: { uses: c.yaml, with: { x: "{steps.b.outputs.x}" } }\nb: { uses: c.yaml, with: { x: "{steps.a.outputs.x}" } }'),
    files: { 'c.yaml': 'inputs: { x: { type: string } }\nsteps: { s: { kind: approval, message: x } }\noutputs: { x: "{inputs.x}" }' },
    says: { message: 'this value depends on itself' },
  },
  { what: 'a base that is missing', text: 'extends: base.yaml', says: { path: 'extends', message: 'no such file' } },
  {
    what: 'bases in a circle',
    text: 'extends: base.yaml',
    files: { 'base.yaml': 'extends: pipeline.yaml' },
    says: { file: 'base.yaml', message: 'these files extend each other', found: 'pipeline.yaml → base.yaml → pipeline.yaml' },
  },
  {
    what: 'a mistake in the base',
    text: 'extends: sub/base.yaml',
    files: { 'sub/base.yaml': pipeline('a: { kind: approval }') },
    says: { file: 'sub/base.yaml', line: 5, path: 'steps.a.message' },
  },
];

describe('a mistake is one message with its place', () => {
  test.each(CASES)('$what', async ({ text, files, set, says }) => {
    const problems = await problemsOf(text, { set }, files);
    expect(problems).toContainEqual(expect.objectContaining(says));
  });
});

describe('a mistake is told once', () => {
  test.each(CASES)('$what', async ({ text, files, set }) => {
    const problems = await problemsOf(text, { set }, files);
    // Whatever depends on it is no further mistake. Some need two files to be understood.
    expect(problems.length).toBeLessThanOrEqual(2);
  });
});

test.each([
  ['of the file', 'version: 1\nname: a\nstesp: { ask: { kind: approval, message: ok } }', 'stesp', 'steps'],
  ['of a step', pipeline(SEARCH('').replace('n_trials', 'n_trails')), 'steps.search.n_trails', 'n_trials'],
  ['within one', pipeline(SEARCH('').replace('metric: loss', 'mertic: loss')), 'steps.search.objective.mertic', 'metric'],
])('a field that is needed and misspelt is not told to be missing, too: %s', async (_what, text, path, near) => {
  expect(await problemsOf(text)).toEqual([expect.objectContaining({ path, hint: `did you mean ${near}?` })]);
});

test('all mistakes are told at once', async () => {
  const problems = await problemsOf(
    pipeline(
      'a: { kind: approval, mesage: x }\nb: { kind: query, sql: no.sql, with: { x: "{params.y}" } }\nc: { kind: export, table: "{steps.b.outputs.rows}", partSizeMb: big }',
      'params: { x: { type: int, default: a } }',
    ),
    { profile: 'nowhere' },
  );
  expect(problems.map(({ file, line, path }) => [file, line, path])).toEqual([
    ['--profile nowhere', undefined, undefined],
    ['pipeline.yaml', 3, 'params.x.default'],
    ['pipeline.yaml', 5, 'steps.a.mesage'],
    ['pipeline.yaml', 6, 'steps.b.sql'],
    ['pipeline.yaml', 6, 'steps.b.with.x'],
    ['pipeline.yaml', 7, 'steps.c.partSize'],
  ]);
});
