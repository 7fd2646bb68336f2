# Ruby with Bundler, and RSpec, Minitest and Rake for repositories without a Gemfile.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends ruby ruby-dev bundler rake ruby-rspec ruby-minitest libyaml-dev
apt-get clean && rm -rf /var/lib/apt/lists/*
ruby --version
rspec --version
