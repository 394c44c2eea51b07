#!/bin/bash
# The demonstration: a made-up feed runs through the join for 20 seconds, then some of its rows are shown.
#     tools/demo.sh build/release/isotope
# Everything it writes is below build/demo, which it removes first.
set -euo pipefail
cd "$(dirname "$0")/.."

isotope=${1:-build/release/isotope}
topology=topologies/demo.yaml
data=build/demo
rows=$data/outcomes.ndjson

say() { printf '\n%s\n' "$*"; }

# The first row that matches, a field a line.
show_row() {
	local row
	row=$(grep -m 1 -E "$1" "$rows" || true)
	if [ -z "$row" ]; then
		echo "    (none this time)"
	else
		python3 -m json.tool <<<"$row" | sed 's/^/    /'
	fi
}

rm -rf "$data"
mkdir -p "$data"

say "Impressions and engagements of a made-up feed, joined as they come, for 20 seconds:"
"$isotope" run "$topology" --data-dir "$data" --for 20s --summary

say "What the topics hold now:"
"$isotope" topics "$topology" --data-dir "$data"

"$isotope" consume "$topology" outcomes --data-dir "$data" --from beginning --until-end >"$rows"

say "One impression that somebody engaged with, as it went out:"
show_row '"engaged": ?true'

say "One that was swiped away: its window closed and nobody had engaged:"
show_row '"engaged": ?false.*"final": ?true'

say "The data is kept in $data. What to type next:"
cat <<END
    $isotope consume $topology outcomes --data-dir $data --max 3 --with-metadata
    $isotope deadletter $topology list --data-dir $data
    $isotope run $topology --data-dir $data --summary      goes on where the demo stopped, until Ctrl-C
    $isotope operators engagement_join                     ports and parameters of the join
    $isotope --help
END
