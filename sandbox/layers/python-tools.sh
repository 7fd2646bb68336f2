# What Python repositories run their checks with, besides pytest (in the base).
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends tox pre-commit
apt-get clean && rm -rf /var/lib/apt/lists/*
tox --version
pre-commit --version
