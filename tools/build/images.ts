import { readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../../bin/setup-tools.mjs';

/** Recipes of the images that need no clone: they install the archives beside them. */
export async function writeImageRecipes(folder: string): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const base = (file: string): string =>
    /^ARG (?:NODE|PYTHON)=(\S+)/m.exec(readFileSync(join(root, 'deploy/docker', file), 'utf8'))?.[1] ?? '';
  await mkdir(folder, { recursive: true });
  await cp(join(root, 'python/requirements.txt'), join(folder, 'requirements.txt'));
  // uv installs the requirements of code that is shipped.
  await cp(join(root, 'bin/uv-requirements.txt'), join(folder, 'uv-requirements.txt'));
  await writeFile(
    join(folder, 'worker.Dockerfile'),
    `# Workers, console and command line. Build from the folder that has the archives: docker build -f images/worker.Dockerfile -t REGISTRY/worker:${version} .
ARG NODE=${base('worker.Dockerfile')}
FROM \${NODE}
ENV NODE_ENV=production HOME=/tmp LONGHAUL_CACHE=/tmp/longhaul
COPY longhaul-${version}.tgz /tmp/longhaul.tgz
RUN npm install --global --no-audit --no-fund /tmp/longhaul.tgz && rm /tmp/longhaul.tgz && ln -s "$(npm root --global)/longhaul" /app
WORKDIR /app
USER 10001:10001
CMD ["node", "bin/program.mjs", "workers/control"]
`,
  );
  await writeFile(
    join(folder, 'trainer.Dockerfile'),
    `# The reference trainer, the scorer, scripts and the sampler's worker: docker build -f images/trainer.Dockerfile -t REGISTRY/trainer:${version} .
ARG PYTHON=${base('trainer.Dockerfile')}
FROM \${PYTHON}
COPY images/requirements.txt images/uv-requirements.txt /tmp/
RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt -r /tmp/uv-requirements.txt
COPY python/*.whl /tmp/
RUN pip install --no-cache-dir --no-deps /tmp/*.whl && rm /tmp/*.whl
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 10001:10001
WORKDIR /tmp
CMD ["python", "-m", "longhaul_trainer", "train"]
`,
  );
}
