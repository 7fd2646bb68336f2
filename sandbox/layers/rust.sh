# rustc-web is the distribution's newest Rust, kept up for browsers; rustc alone is older.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends rustc-web cargo-web rustfmt-web \
    || apt-get install -qy --no-install-recommends rustc cargo rustfmt
apt-get clean && rm -rf /var/lib/apt/lists/*
cargo --version
