# CMake with CTest, Meson and Ninja; compilers and Make are in the base. GoogleTest builds from its sources.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends cmake meson ninja-build libgtest-dev
apt-get clean && rm -rf /var/lib/apt/lists/*
cmake --version
meson --version
