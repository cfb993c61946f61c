# Workers (control, warehouse, training), the console and the command line. Build from the repository's root:
#   docker build -f deploy/docker/worker.Dockerfile -t REGISTRY/worker:TAG .
ARG NODE=node:24.21.0-bookworm-slim

FROM ${NODE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# The image has its Node already; onnxruntime's script would fetch GPU libraries that nobody uses.
RUN ONNXRUNTIME_NODE_INSTALL=skip npm ci --omit=dev --no-audit --no-fund

FROM ${NODE}
ENV NODE_ENV=production HOME=/tmp LONGHAUL_CACHE=/tmp/longhaul
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json tsconfig.json ./
COPY src src
COPY workflows workflows
COPY activities activities
COPY workers workers
COPY bin bin
# Ready-made, so that workers start at once and compile nothing.
ENV LONGHAUL_BUNDLES=/app/bundles
RUN LONGHAUL_CACHE=/app node workers/build-bundle.ts
COPY deploy/docker/longhaul.sh /usr/local/bin/longhaul
USER 10001:10001
# Workers answer SIGTERM themselves: no shell, no npm in between.
CMD ["node", "workers/control.ts"]
