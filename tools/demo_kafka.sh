#!/bin/bash
# On Kafka and Redis: both are started, a made-up feed runs through all operators in two processes, one
# of them is killed with -9 on the way, and so is Redis; then readers that are not ours count what came out.
#     tools/demo_kafka.sh build/release/isotope build/venv/bin/python
# Everything it writes is below build/demo-kafka, which it removes before and after.
set -euo pipefail
cd "$(dirname "$0")/.."

isotope=${1:-build/release/isotope}
python=${2:-build/venv/bin/python}
work=build/demo-kafka
topology=$work/demo.yaml
broker=tools/kafka/broker
socket=$PWD/$work/redis/socket
settings=(--set operators.traffic.limit=20000 --set operators.traffic.late_by=10s
	--set operators.features.store=redis
	--set "operators.features.address=unix:$socket" --set operators.features.project=reco)
declare -A worker=()
redis=
bold='' green='' red='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; fi

say() {
	local tenths=$(((${EPOCHREALTIME/./} - began) / 100000))
	printf '%s%4d.%d s%s  %s\n' "$bold" $((tenths / 10)) $((tenths % 10)) "$plain" "$*"
}

clean_up() {
	{ for pid in "${worker[@]}" $redis; do kill -9 "$pid" || true; done; wait || true; } 2>/dev/null
	$broker stop --dir "$work/broker" --remove 2>/dev/null || true
	rm -rf "$work"
}

# What Redis has acknowledged it must keep: a row that has arrived is not sent again.
start_redis() {
	redis-server --port 0 --unixsocket "$socket" --dir "$work/redis" --save "" --appendonly yes \
		--appendfsync always >>"$work/redis.log" &
	redis=$!
}

start() {
	"$isotope" run "$topology" "${settings[@]}" --data-dir "$work/$1" --instance "$1" --summary \
		>/dev/null 2>>"$work/$1.log" &
	worker[$1]=$!
}

kill_9() {
	{ kill -9 "$1" && wait "$1"; } 2>/dev/null || true
}

rm -rf "$work"
mkdir -p "$work/redis"
trap clean_up EXIT
trap 'exit 130' INT TERM
began=${EPOCHREALTIME/./}

start_redis
address=$($broker start --dir "$work/broker" --owner $$ \
	--set transaction.abort.timed.out.transaction.cleanup.interval.ms=500)
say "Apache Kafka runs at $address, Redis at unix:$work/redis/socket"

kafka="{type: kafka, bootstrap.servers: \"$address\", session.timeout.ms: \"6000\"}"
sed "s|^log: .*|schemas: $PWD/schemas\nlog: $kafka|" topologies/demo.yaml >"$topology"
"$isotope" topics "$topology" --create >/dev/null
say "its topics are made: isotope topics demo.yaml --create"

start one
start two
say "two processes share the work: isotope run demo.yaml --instance one (and two)"
sleep 8
kill_9 "${worker[one]}"
say "${red}kill -9${plain} of process one (${worker[one]}), in the middle of a transaction"
sleep 1
start one
say "process one is started again, and takes its tasks back"
sleep 4
kill_9 "$redis"
say "${red}kill -9${plain} of Redis ($redis): what belongs there waits"
sleep 1
start_redis
say "Redis is started again"
sleep 5
kill "${worker[@]}"
for name in "${!worker[@]}"; do
	wait "${worker[$name]}" || { tail -n 5 "$work/$name.log" >&2; exit 1; }
	unset "worker[$name]"
done
freshness=$(grep '^features: .*freshness' "$work/two.log" | tail -n 1 | grep -o 'freshness_[^ ]*' | tr '\n' ' ')
say "process two, from an event to its user's row in Redis, the time without Redis included: $freshness"
say "both are stopped; what is left is worked off: isotope run demo.yaml --until-end"
tries=0
# (The group remembers its named members for one session timeout.)
until "$isotope" run "$topology" "${settings[@]}" --until-end --data-dir "$work/one" 2>"$work/rest.log"; do
	tries=$((tries + 1))
	[ $tries -lt 60 ] && grep -q "running elsewhere" "$work/rest.log" || { cat "$work/rest.log" >&2; exit 1; }
	sleep 0.5
done

say "the first deliveries that were lost between server and client:"
"$isotope" consume "$topology" mismatches --from beginning --until-end >"$work/mismatches"
grep -m 3 -E '"kind":"lost","hop":"server_client"' "$work/mismatches" | cut -d, -f1-4 | sed 's/^/    /'
say "the first alert:"
"$isotope" consume "$topology" alerts --from beginning --until-end >"$work/alerts"
head -n 1 "$work/alerts" | cut -d, -f1-6 | sed 's/^/    /'
say "independent readers (confluent-kafka with read_committed, Redis as Feast reads it) count:"
echo
if "$python" tools/kafka/count.py "$address" "$socket" >"$work/counts"; then
	sed 's/^/    /' "$work/counts"
	printf '    %s%sEvery impression once, every fault by its name, every user with the right row.%s\n' \
		"$bold" "$green" "$plain"
else
	sed 's/^/    /' "$work/counts"
	printf '    %s%sThese do not agree.%s\n' "$bold" "$red" "$plain"
	exit 1
fi
