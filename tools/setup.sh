#!/bin/sh
# Makes .venv with the locked dependencies and Watchkeeper itself. Needs Python >= 3.11 and a package registry; no root.
#
# uv is taken from PATH, else installed into .cache/uv-venv; its own version is locked too.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "setup: $*" >&2; }

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            # The interpreter itself, not a shim that depends on the folder it is called in.
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    say "no Python 3.11 or newer was found (tried ${PYTHON:+$PYTHON, }python3, python3.14 to python3.11, python)"
    say "next: install Python 3.11 or newer, or run: make setup PYTHON=/path/to/python3.11"
    exit 1
}

find_uv() {
    # A shim without a program behind it is on PATH and does not run: ask it, do not only look.
    if uv --version >/dev/null 2>&1; then
        echo uv
        return
    fi
    if ! .cache/uv-venv/bin/uv --version >/dev/null 2>&1; then
        say "uv is not on PATH: installing it into .cache/uv-venv"
        rm -rf .cache/uv-venv
        mkdir -p .cache
        if ! "$1" -m venv .cache/uv-venv >/dev/null; then
            say "$1 cannot make virtual environments (Debian and Ubuntu keep that in the package python3-venv)"
            say "next: install uv or python3-venv, or run: make setup PYTHON=/path/to/another/python"
            exit 1
        fi
        .cache/uv-venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
            --only-binary :all: --requirement requirements-uv.lock >&2
    fi
    echo .cache/uv-venv/bin/uv
}

python=$(find_python)
uv=$(find_uv "$python")
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1

# An environment whose interpreter is gone or too old, or that was made elsewhere and moved, is made anew.
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 ||
    [ "$(cat .venv/.place 2>/dev/null || pwd)" != "$(pwd)" ]; then
    "$uv" venv --quiet --clear --python "$python" .venv
fi
# install, not sync: sync would take Watchkeeper away for a moment, under the feet of whoever runs it from here.
"$uv" pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes --requirement requirements-dev.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
pwd >.venv/.place
.venv/bin/watchkeeper --version >/dev/null
touch .venv/.ready
say "ready: .venv/bin/watchkeeper"
