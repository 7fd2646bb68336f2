# The image of the service: `honk serve`, `honk worker`, and `honk` itself for other CI systems.
#
#     docker build -t honk .
#
# Behind a company's own CA or package index, give their files to the one step that installs;
# nothing of them stays in the image:
#
#     DOCKER_BUILDKIT=1 docker build -t honk \
#         --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt --secret id=pip,src=/etc/pip.conf .
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates
COPY . /src/
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && if [ -f /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi \
    && python3 -m venv /opt/honk \
    && /opt/honk/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --constraint /src/deploy/constraints.txt '/src[server,postgres]' \
    && /opt/honk/bin/python -m pip uninstall --yes --quiet pip

FROM ${BASE}
# tini reaps what git leaves behind and passes SIGTERM on: the process would be number 1.
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 git ca-certificates openssh-client tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
    && groupadd --gid 10100 honk \
    && useradd --uid 10100 --gid honk --home-dir /home/honk --create-home --shell /usr/sbin/nologin honk \
    && install -d -o honk -g honk -m 0700 /var/lib/honk
COPY --from=build /opt/honk /opt/honk
ENV PATH=/opt/honk/bin:/usr/local/bin:/usr/bin:/bin \
    HONK_HOME=/var/lib/honk \
    HONK_HOST=0.0.0.0 \
    HONK_PORT=8417 \
    HONK_NO_INSTALL=1 \
    PYTHONUNBUFFERED=1
USER 10100:10100
WORKDIR /var/lib/honk
VOLUME /var/lib/honk
EXPOSE 8417
# For the server; compose.yml turns it off where a worker runs, Kubernetes has probes of its own.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['HONK_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["tini", "--", "honk"]
CMD ["serve", "--workers", "0"]
