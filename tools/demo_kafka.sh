#!/bin/bash
# The demonstration on a real broker: a feed, and two worker processes of the join, one of which is killed with -9 on
# the way. At the end a reader that is not ours counts: every impression came out once.
#     tools/demo_kafka.sh build/release/isotope build/venv/bin/python
# It starts a broker of its own and stops it. Everything it writes is below build/demo-kafka, which it removes first.
set -euo pipefail
cd "$(dirname "$0")/.."

isotope=${1:-build/release/isotope}
python=${2:-build/venv/bin/python}
topology=topologies/demo.yaml
data=build/demo-kafka

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

end() {
	kill $(jobs -p) 2>/dev/null || true
	wait 2>/dev/null || true
	tools/kafka/broker stop --dir "$data/broker" >/dev/null 2>&1 || true
}

# The lines of a process' log that tell what becomes of it.
tell() {
	grep -E ' (restored|resumed|abort|fenced|retry) ' "$data/$1.log" | tail -n 4 | cut -c1-150 | sed "s/^/    $1: /" ||
		true
}

rm -rf "$data"
mkdir -p "$data"
trap end EXIT

say "A Kafka broker"
address=$(tools/kafka/broker start --dir "$data/broker" | head -n 1 | cut -d' ' -f1)
echo "    $address"
kafka=(--set log.type=kafka --set "log.bootstrap.servers=$address" --set log.session.timeout.ms=6000
	--set commit_interval=500ms)
"$isotope" topics "$topology" "${kafka[@]}" --data-dir "$data/feed" --create >/dev/null 2>"$data/topics.log"

# A process of the join with a data directory of its own.
start() {
	"$isotope" run "$topology" "${kafka[@]}" --operators join --data-dir "$data/$1" 2>>"$data/$1.log" &
	pids[$1]=$!
}
declare -A pids

say "A made-up feed for 25 seconds, and two processes that join it"
"$isotope" run "$topology" "${kafka[@]}" --operators traffic --data-dir "$data/feed" --for 25s 2>"$data/feed.log" &
feed=$!
start first
start second
sleep 10
tell first
tell second

say "kill -9 for the second one, in the middle of what it does"
kill -9 "${pids[second]}"
wait "${pids[second]}" 2>/dev/null || true
echo "    its tasks go to the first one when its session of 6 s is over; meanwhile it is started again"
sleep 3
start second
wait "$feed"
tell first
tell second

say "The feed has ended; the last windows close"
sleep 25
for name in first second; do
	kill -TERM "${pids[$name]}"
	wait "${pids[$name]}"
	grep '^join:' "$data/$name.log" | tail -n 1 | cut -c1-110 | sed "s/^/    $name: /"
done

say "What a reader with isolation.level=read_committed finds (confluent-kafka)"
"$python" tools/kafka/count.py "$address" impressions outcomes
