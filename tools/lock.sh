#!/bin/sh
# Writes the lock files anew from pyproject.toml: the newest versions that fit, with hashes, without registry hosts.
# Keeps locked versions that still fit; `make lock UPGRADE=--upgrade` takes newer ones.
set -eu
cd "$(dirname "$0")/.."

uv=uv
uv --version >/dev/null 2>&1 || uv=.cache/uv-venv/bin/uv

compile() {
    output=$1
    shift
    # Universal: one file for all systems and Python versions from 3.11 on.
    "$uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
        --no-emit-find-links --custom-compile-command "make lock" ${UPGRADE:-} --output-file "$output" "$@" >/dev/null
}

compile requirements.lock pyproject.toml
compile requirements-dev.lock pyproject.toml --all-extras --group dev
echo 'uv>=0.8' | compile requirements-uv.lock -
if grep -n '://' requirements.lock requirements-dev.lock requirements-uv.lock; then
    echo "lock: the files name a host: see docs/decisions/002-lock-without-hosts.md" >&2
    exit 1
fi
