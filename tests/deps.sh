#!/usr/bin/env bash
# Installs the system packages that the full test suite needs (Debian). Services that come with them are not started:
# while this runs, policy-rc.d forbids it.
set -euo pipefail
packages=(apache2-bin bsdutils build-essential ca-certificates chromium corosync curl dnsmasq-base iproute2 libfaketime mariadb-client mariadb-server nginx-light nodejs npm pacemaker pacemaker-cli-utils pacemaker-resource-agents
    postfix postgresql postgresql-15-orafce procps prometheus prometheus-alertmanager prometheus-blackbox-exporter prometheus-node-exporter python3-venv resource-agents rsyslog rsyslog-openssl sasl2-bin systemd-journal-remote tomcat10 tzdata victoria-metrics)

missing=()
for package in "${packages[@]}"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
# Tools that came another way need no package.
have() { command -v "$1" >/dev/null; }
wanted=()
for package in "${missing[@]}"; do
    case "$package" in
        chromium) have chromium || wanted+=("$package") ;;
        nodejs) have node || wanted+=("$package") ;;
        npm) have npm || wanted+=("$package") ;;
        python3-venv) python3 -c 'import venv, ensurepip' 2>/dev/null || wanted+=("$package") ;;
        *) wanted+=("$package") ;;
    esac
done
if [ "${#wanted[@]}" -eq 0 ]; then
    echo "test-deps: everything is installed"
    exit 0
fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${wanted[@]}"
