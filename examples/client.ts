/** The typed client in ten lines. With servers up (`longhaul dev` in another terminal): `node examples/client.ts pipeline.yaml` */
import { connect } from '../src/client/index.ts';
import { compile } from '../src/compile/index.ts';

const document = await compile(process.argv[2] ?? 'pipeline.yaml', { profile: 'local' });
await using longhaul = await connect();
const run = await longhaul.start(document);
process.stderr.write(`started ${run.id}\n`);
const { status, steps, seconds } = await run.result();
process.stdout.write(`${JSON.stringify({ run: run.id, status, steps: steps.map((step) => [step.id, step.status]), seconds })}\n`);
