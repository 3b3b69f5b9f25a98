#!/usr/bin/env bash
# Sets up what the tests need without touching the system's packages: Python and Node clients in a folder of the user's
# cache. What can't be set up is told; the tests that need it then skip themselves, or fail where CI is set.
set -euo pipefail
cd "$(dirname "$0")/clients"
tools="${ORSZEM_TEST_TOOLS:-$HOME/.cache/orszem/test-tools}"
mkdir -p "$tools"

# A folder is made again when what it is made from has changed.
is_current() { [ -f "$tools/$1/made-from" ] && cmp -s "$tools/$1/made-from" "$2"; }

# A Python in the folder $1 with what $2 lists.
python_with() {
    is_current "$1" "$2" && return 0
    rm -rf "${tools:?}/$1"
    python3 -m venv "$tools/$1" &&
        "$tools/$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2" &&
        cp "$2" "$tools/$1/made-from"
}

python_clients() {
    python_with python requirements.txt
}

elasticsearch_clients() {
    python_with python-elasticsearch8 requirements-elasticsearch8.txt &&
        python_with python-elasticsearch9 requirements-elasticsearch9.txt
}

notify_clients() {
    python_with python-notify requirements-notify.txt
}

node_clients() {
    is_current node package.json && return 0
    rm -rf "$tools/node" && mkdir -p "$tools/node" && cp package.json "$tools/node/" &&
        npm install --prefix "$tools/node" --no-audit --no-fund --loglevel=error &&
        cp package.json "$tools/node/made-from"
}

for part in python elasticsearch notify node; do
    if ! "${part}_clients" >&2; then
        echo "prepare: no $part clients; \`make test-deps\` installs what they need" >&2
    fi
done
