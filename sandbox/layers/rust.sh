# rustc-web is the distribution's newest Rust, kept up for browsers; rustc alone is older.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends rustc-web cargo-web rustfmt-web rust-web-clippy \
    || apt-get install -qy --no-install-recommends rustc cargo rustfmt rust-clippy
apt-get clean && rm -rf /var/lib/apt/lists/*
cargo --version
