# What Python repositories run their checks with, besides pytest (in the base).
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends tox nox pre-commit
apt-get clean && rm -rf /var/lib/apt/lists/*
tox --version
nox --version
pre-commit --version
