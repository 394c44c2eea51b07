#!/bin/bash
# As root: installs Debian packages without starting or enabling a service. tools/packages.sh calls it.
#
# Debian's packages of servers start them when they are installed, and at every boot. Starting is asked of policy-rc.d,
# which refuses while this script runs. (Left behind by a kill, it changes nothing: it refuses for a process
# that lives.) What the packages enabled is disabled again, for packages that came with this call only.
set -euo pipefail

policy=/usr/sbin/policy-rc.d
before=$policy.before-isotope

installed() { dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u; }

take_policy_away() {
	rm -f "$log" "$policy"
	if [ -e "$before" ]; then mv "$before" "$policy"; fi
}

refuse_starts() {
	if [ -e "$policy" ] && [ ! -e "$before" ]; then mv "$policy" "$before"; fi
	trap take_policy_away EXIT
	cat >"$policy" <<-END
		#!/bin/sh
		# Refuses to start services while Isotope's tools/packages_install.sh installs packages.
		[ ! -e /proc/$$ ] || exit 101
		[ ! -x $before ] || exec $before "\$@"
	END
	chmod 755 "$policy"
}

disable_services() {
	local package file

	for package; do
		while IFS= read -r file; do
			case $file in
			*/systemd/system/*.service | */systemd/system/*.socket | */systemd/system/*.timer)
				DPKG_MAINTSCRIPT_PACKAGE=$package deb-systemd-helper disable "${file##*/}" || true ;;
			/etc/init.d/*)
				update-rc.d "${file##*/}" disable || true ;;
			esac
		done < <(dpkg-query -L "$package")
	done
}

# Hundreds of lines that only a failure makes worth reading.
quietly() {
	"$@" >"$log" 2>&1 </dev/null && return 0
	tail -n 30 "$log" >&2
	echo "packages: failed: $*" >&2
	return 1
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
earlier=$(installed)
quietly apt-get update -qq
refuse_starts
export DEBIAN_FRONTEND=noninteractive
quietly apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@"
mapfile -t new < <(comm -13 <(echo "$earlier") <(installed))
disable_services "${new[@]}"
