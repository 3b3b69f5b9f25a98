#!/usr/bin/env bash
# The page's part of the suite: what it is built from, its lints, sizes and unit tests, and all of it in a Chromium. Where
# there is no Chromium, or no Node.js and none can be had, that is told, and is an error where CI is set.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "$1" >&2
    [ -z "${CI:-}" ] || exit 1
    echo "$1" >>"${ORSZEM_SKIPPED:-/dev/null}"
    exit 0
}

bash tests/node.sh >/dev/null || skip "the page: no Node.js"
make --no-print-directory ui-check
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || skip "the page in a browser: no chromium"
make --no-print-directory test-ui
