#!/bin/sh
# Writes deploy/constraints.txt: the versions that the image and the action install. Run it after
# a change of the dependencies in pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check '.[server,postgres]'
{
    echo "# The versions that the image and the action install, made by scripts/pin.sh."
    "$folder/venv/bin/python" -m pip freeze --exclude honk
} >"$folder/constraints"
cp "$folder/constraints" deploy/constraints.txt
