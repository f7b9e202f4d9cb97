# shellcheck shell=bash
# Cassandra: node N on 127.0.0.N.

fetch_cassandra() { fetch_jars cassandra "$CASSANDRA_VERSION"; }

start_cassandra() {
    local number=$1 dir=$STACK_DIR/cassandra-$1 wrapper=()
    fetch_cassandra
    find_java
    refuse_taken "$(cassandra_host "$number")" "$(cassandra_port)"
    {
        cat "$here/cassandra.yaml"
        cassandra_own_yaml "$number" "$dir"
    } >"$dir/cassandra.yaml"
    read -ra wrapper <<<"${STACK_CASSANDRA_WRAPPER:-}"
    # The ring is known from the start: no waiting for nodes that might join.
    launch "cassandra-$number" "${wrapper[@]}" "$java" "${CASSANDRA_JAVA_OPTIONS[@]}" -Xms512m \
        "-Xmx${STACK_CASSANDRA_HEAP:-1g}" -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError -XX:+PerfDisableSharedMem \
        -javaagent:"$(echo "$jars"/jamm-*.jar)" \
        -Dcassandra.ring_delay_ms=0 -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.superuser_setup_delay_ms=0 \
        -Dcassandra.config="file://$dir/cassandra.yaml" -Dcassandra.storagedir="$dir" -Djava.io.tmpdir="$dir" \
        -Dcassandra.jmx.local.port="$(cassandra_jmx_port "$number")" -Dcassandra-foreground=yes \
        -Dlogback.configurationFile="$here/logback.xml" -cp "$jars/*" org.apache.cassandra.service.CassandraDaemon
}

cassandra_own_yaml() {
    local number=$1 dir=$2
    cat <<YAML
listen_address: $(cassandra_host "$number")
rpc_address: $(cassandra_host "$number")
native_transport_port: $(cassandra_port)
storage_port: $(cassandra_storage_port)
initial_token: "$(cassandra_tokens "$number")"
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{ seeds: "$(join cassandra_seed "$STACK_NODES")" }]
data_file_directories: ["$dir/data"]
commitlog_directory: $dir/commitlog
hints_directory: $dir/hints
saved_caches_directory: $dir/saved_caches
cdc_raw_directory: $dir/cdc_raw
YAML
    if [[ -n ${STACK_CASSANDRA_SECURE:-} ]]; then cassandra_secure_yaml; fi
}

# Clients come over TLS only, show a certificate and log in, first as Cassandra's own user `cassandra`.
cassandra_secure_yaml() {
    cat <<YAML
authenticator:
  class_name: PasswordAuthenticator
client_encryption_options:
  enabled: true
  optional: false
  require_client_auth: true
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: $STACK_TLS/server.pem
  truststore: $STACK_TLS/ca.pem
YAML
}

cassandra_seed() { echo "$(cassandra_host "$1"):$(cassandra_storage_port)"; }

# Every node has 8 tokens, and all of them divide the ring of 2^64 into equal parts.
cassandra_tokens() {
    local number=$1 parts=$((8 * STACK_NODES)) step part tokens=''
    step=$((9223372036854775807 / parts * 2))
    for ((part = number - 1; part < parts; part += STACK_NODES)); do
        tokens+=${tokens:+,}$((-9223372036854775807 + part * step))
    done
    echo "$tokens"
}

# It takes clients, and has heard of every other node that runs.
cassandra_is_ready() {
    local other
    has_said "cassandra-$1" "Starting listening for CQL clients" || return 1
    answers "$(cassandra_host "$1")" "$(cassandra_port)" || return 1
    for ((other = 1; other <= STACK_NODES; other++)); do
        ((other != $1)) && pid_of "cassandra-$other" >/dev/null || continue
        has_said "cassandra-$1" "/$(cassandra_seed "$other") is now UP" || return 1
    done
}

# What Java 17 has to open for it, as its own start script does.
CASSANDRA_JAVA_OPTIONS=(-Djdk.attach.allowAttachSelf=true -Dio.netty.tryReflectionSetAccessible=true -Djava.awt.headless=true)
for package in java.io java.lang java.lang.module java.lang.reflect java.net java.nio java.util java.util.concurrent \
    java.util.concurrent.atomic jdk.internal.loader jdk.internal.math jdk.internal.module jdk.internal.ref \
    jdk.internal.reflect jdk.internal.util.jar sun.nio.ch; do
    CASSANDRA_JAVA_OPTIONS+=(--add-opens "java.base/$package=ALL-UNNAMED")
done
for package in java.base/java.lang.ref java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch \
    java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server \
    java.rmi/sun.rmi.transport.tcp java.sql/java.sql jdk.management/com.sun.management.internal jdk.unsupported/sun.misc; do
    CASSANDRA_JAVA_OPTIONS+=(--add-exports "$package=ALL-UNNAMED")
done
CASSANDRA_JAVA_OPTIONS+=(--add-opens jdk.management/com.sun.management.internal=ALL-UNNAMED)
unset package
