#!/bin/sh
# Makes .venv with honk and its development tools. Quick when nothing is to do.
# HONK_NO_INSTALL=1: no packages of the system are installed.
set -eu
cd "$(dirname "$0")/.."
stamp=.venv/.honk-bootstrap

say() { echo "bootstrap: $*" >&2; }
fail() { say "$*"; exit 1; }

modern() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
usable() { modern "$1" && "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3; do
        if path=$(command -v "$name" 2>/dev/null) && "$1" "$path"; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

# Install packages of the system: as root, or with sudo without a password.
install() {
    [ -z "${HONK_NO_INSTALL:-}" ] || fail "missing: $*; HONK_NO_INSTALL is set, so install them yourself (apt-get install $*)."
    command -v apt-get >/dev/null || fail "missing: $*; install them with this system's package manager."
    if [ "$(id -u)" -eq 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo="sudo -n"; else
        fail "missing: $*; installing needs root or sudo without a password (sudo apt-get install $*)."
    fi
    say "installing $* with apt"
    log=$(mktemp)
    if ! { $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        fail "apt-get failed; the whole log is $log"
    fi
    rm -f "$log"
}

# honk itself runs git on the host.
command -v git >/dev/null || install git ca-certificates

want=$(cat pyproject.toml scripts/bootstrap.sh | cksum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
    exit 0
fi

if ! [ -x .venv/bin/python ] || ! usable .venv/bin/python; then
    if ! python=$(find_python usable); then
        if newer=$(find_python modern); then # Debian keeps venv apart
            version=$("$newer" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            case $newer in
            /usr/bin/python3) install python3-venv ;;
            *) install "python$version-venv" ;;
            esac
        else
            install python3 python3-venv
        fi
        python=$(find_python usable) || fail "there is no Python 3.11 or newer with venv; install one (pyenv install 3.12)."
    fi
    say "making .venv with $python"
    "$python" -m venv --clear .venv
fi

# Bytecode of all that runs from .venv lies in it, under make and by hand: none in the source tree.
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cat >"$packages/honk-bytecode.pth" <<'PTH'
import sys; sys.pycache_prefix = sys.pycache_prefix or sys.prefix + "/cache/python"
PTH

log=$(mktemp)
# Runs pip with its output in a log, of which a few lines are shown; fails if pip does.
pip() {
    { .venv/bin/python -m pip --disable-pip-version-check "$@" 2>&1 || echo PIP-FAILED; } | awk -v log_file="$log" '
        /^PIP-FAILED/ { failed = 1; next }
        { print > log_file }
        /^Collecting/ { if (++n % 15 == 0) print "bootstrap:   " n " packages found" }
        /^Installing collected/ { print "bootstrap:   unpacking them" }
        END { exit failed }' >&2 || {
        tail -n 8 "$log" >&2
        fail "pip failed; the whole log is $log"
    }
}

say "installing honk and its tools into .venv (a minute or two the first time)"
pip install --upgrade 'pip>=25.1'
pip install --editable . --group dev
rm -f "$log"
if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
    # Nothing else would write it, and every start of honk would compile three thousand modules.
    say "compiling what is installed"
    library=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
    .venv/bin/python -m compileall -q -j 0 -x "^$library/(site-packages|test|idlelib|lib2to3|turtledemo|ensurepip)/" \
        "$library" "$packages" honk >/dev/null || say "some of it is not Python of this version; that is no harm"
fi
echo "$want" >"$stamp"
say "ready"
