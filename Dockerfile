# A worker's image: only wheels, only pinned by hash, no compiler, no root, no need to write to its file system.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements-build.lock requirements-runtime.lock ./
# Behind a mirror of PyPI: its address, and the authority that signed its certificate. Neither gets into the image.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=authority \
    pip install --only-binary=:all: --no-deps --require-hashes -r requirements-build.lock \
    && python -m venv /opt/bellwether \
    && /opt/bellwether/bin/pip install --only-binary=:all: --no-deps --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md ./
COPY streams streams
COPY agents agents
COPY config config
RUN pip wheel --no-index --no-deps --no-build-isolation --wheel-dir wheels . \
    && /opt/bellwether/bin/pip install --no-index --no-deps wheels/*.whl \
    && /opt/bellwether/bin/pip uninstall --yes pip setuptools

FROM python:3.11.14-slim-bookworm
# What only installs has no business here. And Python's library comes without byte code: it would be compiled anew at each
# start and each health check, since nothing can be kept.
RUN python -m pip uninstall --yes pip setuptools wheel \
    && rm -r /usr/local/lib/python3.11/ensurepip \
    && python -m compileall -q -x 'idlelib|lib2to3|tkinter|turtledemo' /usr/local/lib/python3.11
# Time zone rules are the pinned package tzdata's, never the image's: they enter decisions.
ENV PATH=/opt/bellwether/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONTZPATH="" \
    BELLWETHER_HTTP=0.0.0.0:9187
COPY --from=build /opt/bellwether /opt/bellwether
# A number, so that Kubernetes can see that it isn't root.
USER 10001:10001
EXPOSE 9187
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:%s/readyz' % os.environ['BELLWETHER_HTTP'].rpartition(':')[2], timeout=2)"]
# Exec form: the worker is process 1 and gets SIGTERM itself; compose adds an init that reaps (`init: true`).
ENTRYPOINT ["bellwether"]
CMD ["worker"]
