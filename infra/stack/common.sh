# shellcheck shell=bash disable=SC2034
# What `up` and `down` share: where things are and which servers there are.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=infra/stack/versions.sh
source "$here/versions.sh"

STACK_DIR=$(realpath -m "${STACK_DIR:-${CARGO_TARGET_DIR:-$root/target}/stack}")
STACK_CACHE=$(realpath -m "${STACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate/stack}")
# How many of each: 1 or 3. Kept from the last start, so that `down kafka-2` and `up kafka-2` need not be told.
if [[ -f $STACK_DIR/size ]]; then
    read -r kept_brokers kept_nodes <"$STACK_DIR/size"
fi
STACK_BROKERS=${STACK_BROKERS:-${kept_brokers:-1}}
STACK_NODES=${STACK_NODES:-${kept_nodes:-1}}

# Keys of the S3 server. It listens on loopback only and holds what tests put there.
S3_ACCESS_KEY=tidegate
S3_SECRET_KEY=loopback-only
S3_PORT=17070
CASSANDRA_PORT=19042
# A second stack beside another one (another STACK_DIR) takes other ports: this one and the next for each broker.
STACK_KAFKA_PORT=${STACK_KAFKA_PORT:-19092}

fail() {
    echo "stack: $*" >&2
    exit 1
}

kafka_port() { echo $((STACK_KAFKA_PORT + 2 * ($1 - 1))); }
controller_port() { echo $(($(kafka_port "$1") + 1)); }
cassandra_host() { echo "127.0.0.$1"; }

servers() {
    local i
    for ((i = 1; i <= STACK_BROKERS; i++)); do echo "kafka-$i"; done
    for ((i = 1; i <= STACK_NODES; i++)); do echo "cassandra-$i"; done
    echo s3
}

# The server's process id if it runs. A pid that another program has by now does not count.
pid_of() {
    local file=$STACK_DIR/$1/pid pid started
    [[ -f $file ]] || return 1
    read -r pid started <"$file"
    [[ $(start_time "$pid") == "$started" ]] && echo "$pid"
}

# When a process started, in ticks since the boot; nothing when there is none.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
