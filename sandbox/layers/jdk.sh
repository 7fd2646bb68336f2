# JDK 17 and Maven; Gradle comes with a repository's own wrapper.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends openjdk-17-jdk-headless maven
apt-get clean && rm -rf /var/lib/apt/lists/*
mvn --version
