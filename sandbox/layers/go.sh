# The newest Go of the distribution's backports: modules of today do not build with its own.
set -eu
export DEBIAN_FRONTEND=noninteractive
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
list=/etc/apt/sources.list.d/honk-backports.list
sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
# Either form of a source names its mirror; the first one is the distribution's main archive.
mirror=$(printf '%s\n' "$sources" | sed -nE 's,^(deb .*|URIs:.*)(https?://[^ ]+).*,\2,p' | head -n 1)
echo "deb $mirror $suite-backports main" > "$list"
apt-get update -q || { rm "$list"; apt-get update -q; }
package=$(apt-cache pkgnames golang-1. | grep -E '^golang-1\.[0-9]+-go$' | sort -V | tail -n 1)
version=${package#golang-}; version=${version%-go}
apt-get install -qy --no-install-recommends "$package"
for tool in go gofmt; do ln -s "/usr/lib/go-$version/bin/$tool" "/usr/local/bin/$tool"; done
rm -f "$list"
apt-get clean && rm -rf /var/lib/apt/lists/*
go version
