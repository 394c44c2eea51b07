#!/bin/bash
# Installs the Debian packages of tools/packages.txt that are missing. Says what it does; where nothing is missing it
# is silent and quick, so that every make target can call it.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t wanted < <(sed 's|[[:space:]]*#.*||; s|[[:space:]].*||; /^$/d' tools/packages.txt)

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "packages: this is not Debian; see to it that the equivalents of these are installed: ${wanted[*]}" >&2
	exit 0
fi

# dpkg-query fails when one of the names is unknown to it, and still prints the others.
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
	grep -qx "$package installed" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "packages: these Debian packages are missing: ${missing[*]}" >&2
		echo "packages: install them as root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi

install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
	apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends)
echo "packages: installing with ${as_root[*]:+sudo }apt-get: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq >&2 </dev/null
if ! "${install[@]}" "${missing[@]}" >&2 </dev/null; then
	echo "packages: apt-get could not install ${missing[*]}; its reason is above" >&2
	exit 1
fi
