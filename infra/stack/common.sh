# shellcheck shell=bash disable=SC2034
# What `up`, `down`, `with` and `nodetool` share: where things are, which servers there are, and their processes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=infra/stack/versions.sh
source "$here/versions.sh"

STACK_DIR=$(realpath -m "${STACK_DIR:-${CARGO_TARGET_DIR:-$root/target}/stack}")
STACK_CACHE=$(realpath -m "${STACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tidegate/stack}")
START_TIMEOUT_SECONDS=${STACK_START_TIMEOUT_SECONDS:-300}
STOP_TIMEOUT_SECONDS=${STACK_STOP_TIMEOUT_SECONDS:-30}

# How many brokers and nodes, 1 or 3, and what is added to every port, for a second stack beside the first. Kept from the
# last start, so that `down kafka-2` and `up kafka-2` need not be told.
if [[ -f $STACK_DIR/size ]]; then
    read -r kept_brokers kept_nodes kept_offset <"$STACK_DIR/size"
fi
STACK_BROKERS=${STACK_BROKERS:-${kept_brokers:-1}}
STACK_NODES=${STACK_NODES:-${kept_nodes:-1}}
STACK_PORT_OFFSET=${STACK_PORT_OFFSET:-${kept_offset:-0}}

# Keys of the S3 server. It listens on loopback only and holds what tests put there.
S3_ACCESS_KEY=tidegate
S3_SECRET_KEY=loopback-only

# Who may log in to Kafka, and what it shows and trusts (tls/README.md). No secrets either.
STACK_USER=tidegate
STACK_PASSWORD=loopback-only
STACK_TLS=$here/tls

say() { echo "stack: $*" >&2; }
fail() {
    say "$*"
    exit 1
}

need() { command -v "$1" >/dev/null || fail "$1 is missing: $2"; }

# Broker N of Kafka: for clients, for controllers, for clients that come through a test's proxy, and the port on which that
# proxy has to listen. STACK_KAFKA_PORT puts a lone broker and its controller on any two ports, with no other ports.
kafka_port() { echo $((${STACK_KAFKA_PORT:-$((19092 + STACK_PORT_OFFSET))} + 2 * ($1 - 1))); }
controller_port() { echo $(($(kafka_port "$1") + 1)); }
kafka_proxied_port() { echo $(($(kafka_port "$1") + 100)); }
kafka_proxy_port() { echo $(($(kafka_port "$1") + 200)); }
# For clients over TLS that show a certificate, and for those over TLS that log in.
kafka_tls_port() { echo $(($(kafka_port "$1") + 300)); }
kafka_login_port() { echo $(($(kafka_port "$1") + 400)); }
has_proxied_ports() { [[ -z ${STACK_KAFKA_PORT:-} ]]; }
# Nodes of Cassandra have an address each and the same ports, but for JMX, which is on 127.0.0.1.
cassandra_host() { echo "127.0.0.$1"; }
cassandra_port() { echo $((19042 + STACK_PORT_OFFSET)); }
cassandra_storage_port() { echo $((17000 + STACK_PORT_OFFSET)); }
cassandra_jmx_port() { echo $((17198 + $1 + STACK_PORT_OFFSET)); }
s3_port() { echo $((17070 + STACK_PORT_OFFSET)); }

# join FUNCTION COUNT: what the function prints for 1 to COUNT, with commas between.
join() {
    local i joined=''
    for ((i = 1; i <= $2; i++)); do joined+=${joined:+,}$("$1" "$i"); done
    echo "$joined"
}

servers() {
    local i
    for ((i = 1; i <= STACK_BROKERS; i++)); do echo "kafka-$i"; done
    for ((i = 1; i <= STACK_NODES; i++)); do echo "cassandra-$i"; done
    echo s3
}

# choose NAME…: sets `chosen` to these servers. `kafka` and `cassandra` are all of a kind, no name is everything.
choose() {
    local name found
    chosen=()
    (($#)) || set -- kafka cassandra s3
    for name in "$@"; do
        mapfile -t found < <(servers | grep -xE -- "$name(-[0-9])?")
        ((${#found[@]})) || fail "there is no $name; there are: $(servers | paste -sd ' ')"
        chosen+=("${found[@]}")
    done
}

# The server's process id if it runs. A pid that another program has by now does not count.
pid_of() {
    local file=$STACK_DIR/$1/pid pid started
    [[ -f $file ]] || return 1
    read -r pid started <"$file"
    [[ -n $started && $(start_time "$pid") == "$started" ]] && echo "$pid"
}

# When a process started, in ticks since the boot; nothing when there is none, or only what is left of it.
start_time() { sed 's/.*) //; /^[ZX]/d' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# One `up` or `down` at a time: two would both start what is not there.
lock() {
    mkdir -p "$STACK_DIR"
    exec {lock}>"$STACK_DIR/lock"
    flock "$lock"
}

# A Java 17: Cassandra 5.0 runs on 11 and 17 only. STACK_JAVA overrules.
find_java() {
    local candidate
    java=${STACK_JAVA:-}
    [[ -z $java ]] || return 0
    for candidate in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java)" /usr/lib/jvm/*17*/bin/java; do
        if [[ -x $candidate ]] && "$candidate" -version 2>&1 | grep -q 'version "17[".]'; then
            java=$candidate
            return
        fi
    done
    fail "Java 17 is missing: sudo apt-get install -y openjdk-17-jre-headless (or STACK_JAVA=/path/to/java)"
}

# fetch_jars SERVER VERSION: downloads its jars, once for each version, and sets `jars` to their folder. A folder that is
# there is complete.
fetch_jars() {
    jars=$STACK_CACHE/$1-$2
    [[ ! -d $jars ]] || return 0
    need mvn "sudo apt-get install -y maven"
    say "downloading $1 $2"
    rm -rf "$jars.part"
    mvn --quiet --batch-mode --file "$here/pom.xml" --activate-profiles "$1" -Dserver.version="$2" \
        -Dlog4j.version="$LOG4J_VERSION" -DincludeScope=runtime -DoutputDirectory="$jars.part" \
        "org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN_VERSION:copy-dependencies" >&2
    mv "$jars.part" "$jars"
}
