# The reference trainer, the scorer, scripts and the sampler's worker. Build from the repository's root:
#   docker build -f deploy/docker/trainer.Dockerfile -t REGISTRY/trainer:TAG .
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS packages
RUN python -m venv /opt/venv
COPY python/requirements.txt bin/uv-requirements.txt /
# Every version and hash is in the files. uv installs the requirements of code that is shipped.
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt -r /uv-requirements.txt

FROM ${PYTHON}
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/longhaul/python PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
COPY --from=packages /opt/venv /opt/venv
COPY python /opt/longhaul/python
USER 10001:10001
WORKDIR /tmp
# PID 1 handles SIGTERM itself: it commits a checkpoint and exits with 143.
CMD ["python", "-m", "longhaul_trainer", "train"]
