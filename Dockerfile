# docker build --tag roadmap-syncer .        How to run it: docs/daemon.md
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY constraints.txt ./
RUN python -m pip install --no-cache-dir --constraint constraints.txt build hatchling
COPY pyproject.toml README.md LICENSE ./
COPY syncer/ syncer/
COPY connectors/ connectors/
COPY mappings/ mappings/
RUN python -m build --wheel --no-isolation --outdir /wheel
# Wheels alone: there is no compiler here, and none is to be wanted.
RUN python -m venv --without-pip /opt/syncer \
    && python -m pip --python /opt/syncer/bin/python install --no-cache-dir --only-binary :all: \
        --constraint constraints.txt /wheel/*.whl

FROM python:${PYTHON}-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="syncer" \
      org.opencontainers.image.description="Keeps product and roadmap items in step across Jira, GitHub Issues and Linear" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# A fixed number: the folder mounted at /data must belong to it, whatever users this machine knows.
RUN groupadd --gid 10001 syncer \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin syncer \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /opt/syncer /opt/syncer
ENV PATH="/opt/syncer/bin:${PATH}" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# Every address, but of the container's own network: the port mapping decides who outside reaches it.
ENV SYNCER_DAEMON__LISTEN=0.0.0.0:8722
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8722
STOPSIGNAL SIGTERM
# Lives it? Not by way of a proxy, should the environment name one.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['SYNCER_DAEMON__LISTEN'].rpartition(':')[2] + '/healthz', timeout=4)"]
ENTRYPOINT ["syncer"]
CMD ["daemon"]
