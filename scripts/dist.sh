#!/usr/bin/env bash
# Makes dist/: a static binary with what belongs to it as .tar.gz and as .deb, and their checksums.
#
#   scripts/dist.sh                       builds, then packs into dist/
#   ORSZEM_BINARY=FILE scripts/dist.sh    packs FILE instead of building
#   ORSZEM_DIST=DIR scripts/dist.sh       packs into DIR
#
# The binary is linked with musl, so that it runs on any Linux of its architecture, resolves names without the system's
# C library, and says so itself: a binary that needs a loader is refused.
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
machine=$(uname -m)
case $machine in
	x86_64) deb_machine=amd64 ;;
	aarch64) deb_machine=arm64 ;;
	*) echo "dist: no package is made for $machine" >&2; exit 2 ;;
esac
dist=${ORSZEM_DIST:-dist}
target=$machine-unknown-linux-musl

build() {
	if ! command -v musl-gcc >/dev/null; then
		echo "dist: musl-gcc is missing: apt-get install musl-tools" >&2
		exit 2
	fi
	if command -v rustup >/dev/null && ! rustup target list --installed | grep -qx "$target"; then
		rustup target add "$target"
	fi
	local linker="CC_${target//-/_}"
	env "$linker=musl-gcc" cargo build --release --locked --target "$target" --bin orszem
	binary=${CARGO_TARGET_DIR:-target}/$target/release/orszem
}

if [ -n "${ORSZEM_BINARY:-}" ]; then binary=$ORSZEM_BINARY; else build; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The binary without symbols.
install -m 755 "$binary" "$work/orszem"
if [ -z "${ORSZEM_UNSTRIPPED:-}" ]; then strip "$work/orszem"; fi
if [ -z "${ORSZEM_BINARY:-}" ] && ldd "$work/orszem" >/dev/null 2>&1 && ldd "$work/orszem" | grep -q '=>'; then
	echo "dist: the binary is not static" >&2
	exit 1
fi

for shell in bash zsh fish; do "$work/orszem" completion "$shell" > "$work/completion.$shell"; done

# --- the archive ---
name=orszem-$version-$machine
tree=$work/$name
mkdir -p "$tree/config/sql" "$tree/config/rules" "$tree/systemd" "$tree/alerts" "$tree/completions" "$tree/docs"
install -m 755 "$work/orszem" "$tree/orszem"
install -m 644 README.md LICENSE CHANGELOG.md SECURITY.md "$tree/"
install -m 644 config/orszem.toml config/probes.yml "$tree/config/"
install -m 644 config/sql/*.toml "$tree/config/sql/"
install -m 644 config/rules/*.yml "$tree/config/rules/"
install -m 644 config/systemd/*.service "$tree/systemd/"
install -m 644 config/alerts/* "$tree/alerts/"
install -m 644 docs/*.md "$tree/docs/"
install -m 644 "$work/completion.bash" "$tree/completions/orszem.bash"
install -m 644 "$work/completion.zsh" "$tree/completions/_orszem"
install -m 644 "$work/completion.fish" "$tree/completions/orszem.fish"

# --- the package ---
root=$work/deb
docs=$root/usr/share/doc/orszem
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/etc/orszem/sql" "$root/etc/orszem/rules" "$root/usr/lib/systemd/system" "$docs" \
	"$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
	"$root/usr/share/fish/vendor_completions.d"
install -m 755 "$work/orszem" "$root/usr/bin/orszem"
ln -s orszem "$root/usr/bin/orszem-event"
install -m 644 config/orszem.toml config/probes.yml "$root/etc/orszem/"
install -m 644 config/sql/*.toml "$root/etc/orszem/sql/"
install -m 644 config/rules/*.yml "$root/etc/orszem/rules/"
install -m 644 config/systemd/*.service "$root/usr/lib/systemd/system/"
install -m 644 "$work/completion.bash" "$root/usr/share/bash-completion/completions/orszem"
install -m 644 "$work/completion.zsh" "$root/usr/share/zsh/vendor-completions/_orszem"
install -m 644 "$work/completion.fish" "$root/usr/share/fish/vendor_completions.d/orszem.fish"
install -m 644 README.md docs/*.md "$docs/"
mkdir -p "$docs/alerts"
install -m 644 config/alerts/* "$docs/alerts/"
gzip -9n < CHANGELOG.md > "$docs/changelog.gz"
cat > "$docs/copyright" <<-EOF
	Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
	Upstream-Name: orszem

	Files: *
	Copyright: the authors of orszem
	License: Apache-2.0
	 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
EOF
(cd "$root" && find etc -type f -printf '/%p\n' | LC_ALL=C sort) > "$root/DEBIAN/conffiles"
cat > "$root/DEBIAN/control" <<-EOF
	Package: orszem
	Version: $version
	Architecture: $deb_machine
	Maintainer: the authors of orszem <orszem@localhost>
	Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
	Depends: adduser
	Section: admin
	Priority: optional
	Description: log server and node collector in one program
	 Takes in, keeps and searches the logs of clusters, with its own embedded store.
	 The same program follows the logs of a node and sends them to a server. The
	 services orszem-server and orszem-collector are not enabled by the package.
EOF
cat > "$root/DEBIAN/postinst" <<-'EOF'
	#!/bin/sh
	set -e
	if [ "$1" = configure ]; then
		if ! getent passwd orszem >/dev/null; then
			adduser --quiet --system --group --home /var/lib/orszem --no-create-home orszem
		fi
		for group in adm systemd-journal haclient; do
			if getent group "$group" >/dev/null; then adduser --quiet orszem "$group"; fi
		done
		install -d -o orszem -g orszem -m 750 /var/lib/orszem
		# Pacemaker's daemons leave events there, root for DRBD.
		group=orszem
		if getent group haclient >/dev/null; then group=haclient; fi
		install -d -m 755 /var/spool/orszem
		install -d -o orszem -g "$group" -m 2770 /var/spool/orszem/events
		if [ -d /run/systemd/system ]; then
			systemctl daemon-reload
			# An upgrade goes on with what ran before.
			systemctl try-restart orszem-server.service orszem-collector.service
		fi
	fi
EOF
cat > "$root/DEBIAN/prerm" <<-'EOF'
	#!/bin/sh
	set -e
	if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
		systemctl disable --now orszem-server.service orszem-collector.service
	fi
EOF
cat > "$root/DEBIAN/postrm" <<-'EOF'
	#!/bin/sh
	set -e
	if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	# Logs are somebody's data: purging the program does not remove /var/lib/orszem.
EOF
chmod 755 "$root"/DEBIAN/{postinst,prerm,postrm}
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | LC_ALL=C sort | xargs md5sum > DEBIAN/md5sums)

mkdir -p "$dist"
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$work" -czf "$dist/$name.tar.gz" "$name"
dpkg-deb --build --root-owner-group "-Z${ORSZEM_DEB_COMPRESSION:-xz}" "$root" "$dist/orszem_${version}_$deb_machine.deb" >/dev/null
(cd "$dist" && sha256sum "$name.tar.gz" "orszem_${version}_$deb_machine.deb" > SHA256SUMS)
ls -l "$dist"
