# The worker with the trainer's Python beside it, for warehouse workers that score themselves (`predict: scorer`) or query with DuckDB. Build both
# images first, then
#   docker build -f deploy/docker/scoring-worker.Dockerfile --build-arg WORKER=REGISTRY/worker:TAG --build-arg TRAINER=REGISTRY/trainer:TAG \
#     -t REGISTRY/scoring-worker:TAG .
ARG WORKER
ARG TRAINER

FROM ${WORKER} AS worker

FROM ${TRAINER}
ENV NODE_ENV=production LONGHAUL_CACHE=/tmp/longhaul LONGHAUL_BUNDLES=/app/bundles
# Both bases are Debian bookworm: Node finds the libraries it was built with.
COPY --from=worker /usr/local/bin/node /usr/local/bin/node
COPY --from=worker /app /app
WORKDIR /app
USER 10001:10001
CMD ["node", "workers/warehouse.ts"]
