# The image of every Airworthy service in docker-compose.yaml. Two stages, so that what builds is not what runs; and the
# lock before the code, so that a change of code builds in seconds.
ARG BASE=python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

FROM ${BASE} AS packages
WORKDIR /opt/airworthy
# LightGBM's OpenMP: looked for before anything is installed.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt ./
COPY config/bootstrap.py config/
# Every package by version and hash, with its bytecode: a task would otherwise compile pandas and the rest each time.
ENV UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
RUN python3 config/bootstrap.py --runtime

FROM ${BASE}
# Not pinned: the base is, and a rebuild must get Debian's security updates.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 tini && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 50000 airworthy \
    && useradd --uid 50000 --gid 50000 --home-dir /var/lib/airworthy --shell /usr/sbin/nologin airworthy \
    && install --directory --owner=airworthy --group=airworthy --mode=0700 /var/lib/airworthy /var/log/airworthy \
        /var/tmp/airworthy
WORKDIR /opt/airworthy
COPY --from=packages /opt/airworthy/.venv .venv
# requirements.txt is read too: a registered model names the lock it was trained with.
COPY LICENSE requirements.txt ./
COPY config config
COPY plugins plugins
COPY dags dags
COPY include include
ENV PATH=/opt/airworthy/.venv/bin:$PATH \
    PYTHONPATH=/opt/airworthy:/opt/airworthy/config \
    PYTHONUNBUFFERED=1
RUN python -m compileall -q config plugins dags include
ARG COMMIT=unknown
ENV AIRWORTHY_COMMIT=${COMMIT}
LABEL org.opencontainers.image.title="Airworthy" \
      org.opencontainers.image.description="Machine-learning pipelines on Apache Airflow" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COMMIT}"
USER 50000:50000
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]
