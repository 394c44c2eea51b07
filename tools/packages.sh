#!/bin/bash
# Installs the Debian packages of the groups that it is given (tools/packages.txt has them) and that are missing. Says
# what it does; where nothing is missing it is silent and quick, so that every make target can call it.
#     tools/packages.sh build demo
#
# No service is started or enabled by it: Redis and Alertmanager are programs that tests start for themselves, and
# Debian's packages of them would run them at once, and at every boot.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t wanted < <(awk -v groups=" $* " '
	/^\[/ { group = substr($1, 2, length($1) - 2); in_group = index(groups, " " group " "); next }
	in_group && NF && $1 !~ /^#/ { print $1 }' tools/packages.txt | sort -u)
if [ ${#wanted[@]} -eq 0 ]; then
	groups=$(sed -n 's/^\[\(.*\)\].*/\1/p' tools/packages.txt | xargs)
	echo "packages: expected groups of tools/packages.txt: $groups" >&2
	exit 2
fi

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

echo "packages: installing with ${as_root[*]:+sudo }apt-get: ${missing[*]}" >&2
"${as_root[@]}" tools/packages_install.sh "${missing[@]}"
