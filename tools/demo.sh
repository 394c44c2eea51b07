#!/bin/bash
# The demonstration: a made-up feed runs through all operators for 25 seconds, then some of what came out is shown.
#     tools/demo.sh build/release/isotope
# Everything it writes is below build/demo, which it removes first.
set -euo pipefail
cd "$(dirname "$0")/.."

isotope=${1:-build/release/isotope}
topology=topologies/demo.yaml
data=build/demo

say() { printf '\n%s\n' "$*"; }

rows() { "$isotope" consume "$topology" "$1" --data-dir "$data" --from beginning --until-end; }

# The first row of a topic that matches, a field a line; long lists cut.
show_row() {
	local row
	row=$(rows "$1" | grep -m 1 -E "$2" || true)
	if [ -z "$row" ]; then
		echo "    (none this time)"
	else
		python3 -m json.tool <<<"$row" | awk 'NR <= 24 { print "    " $0 } NR == 25 { print "    ..." }'
	fi
}

# Fields of the first rows that match, a row a line.
show_rows() {
	rows "$1" | grep -E "$2" | head -n "$3" | python3 -c '
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    print("    " + "  ".join(f"{name}={row[name]}" for name in sys.argv[1:] if row[name] is not None))' "${@:4}" || true
}

rm -rf "$data"
mkdir -p "$data"

say "A made-up feed runs through all operators for 25 seconds: what was shown, what was done about it, and what engine,"
echo "server and client logged."
"$isotope" run "$topology" --data-dir "$data" --for 25s --summary --log-level error
echo "(freshness of features: from an event to the user's row in the feature store)"

say "What the topics hold now:"
"$isotope" topics "$topology" --data-dir "$data" --total

say "An impression that somebody engaged with, as it went out:"
show_row outcomes '"engaged": ?true'

say "One that was swiped away: its window closed and nobody had engaged:"
show_rows outcomes '"engaged": ?false.*"final": ?true' 1 impression_id item_id position source n_engagements final

say "What a user did last, and what the user likes as a vector:"
show_rows user_histories . 1 user_id_token actions
show_rows user_embeddings . 1 user_id_token vector n_actions

say "The first deliveries that were lost on the way to the client, by name:"
show_rows mismatches '"kind": ?"lost".*"hop": ?"server_client"' 5 \
	impression_id request_id kind hop model_version platform

say "Alerts of logs that no longer agree:"
show_rows alerts . 8 name state severity value threshold labels runbook

say "The data is kept in $data. What to type next:"
cat <<END
    $isotope consume $topology integrity_windows --data-dir $data --max 3
    $isotope deadletter $topology list --data-dir $data
    $isotope run $topology --data-dir $data --summary      goes on where the demo stopped, until Ctrl-C
    $isotope operators                                     the operators; with a name, its manual page
    $isotope --help
END
