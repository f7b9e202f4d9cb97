# shellcheck shell=bash
# Kafka in KRaft mode: each process is broker and controller.

fetch_kafka() { fetch_jars kafka "$KAFKA_VERSION"; }

start_kafka() {
    local number=$1 dir=$STACK_DIR/kafka-$1 wrapper=()
    fetch_kafka
    find_java
    refuse_taken 127.0.0.1 "$(kafka_port "$number")"
    {
        cat "$here/kafka.properties"
        kafka_own_properties "$number" "$dir"
    } >"$dir/server.properties"
    [[ -f $dir/data/meta.properties ]] || format_kafka "$dir"
    read -ra wrapper <<<"${STACK_KAFKA_WRAPPER:-}"
    launch "kafka-$number" "${wrapper[@]}" "$java" -Xms256m "-Xmx${STACK_KAFKA_HEAP:-512m}" -XX:+UseSerialGC \
        -XX:+ExitOnOutOfMemoryError -Dlog4j2.configurationFile="$here/log4j2.properties" -cp "$jars/*" \
        kafka.Kafka "$dir/server.properties"
}

kafka_own_properties() {
    local number=$1 dir=$2 most=$(((STACK_BROKERS + 1) / 2)) more='' advertised='' secure
    if has_proxied_ports; then
        secure=,TLS://127.0.0.1:$(kafka_tls_port "$number"),LOGIN://127.0.0.1:$(kafka_login_port "$number")
        more=,PROXIED://127.0.0.1:$(kafka_proxied_port "$number")$secure
        advertised=,PROXIED://127.0.0.1:$(kafka_proxy_port "$number")$secure
    fi
    cat <<PROPERTIES
node.id=$number
log.dirs=$dir/data
controller.quorum.voters=$(join kafka_voter "$STACK_BROKERS")
listeners=PLAINTEXT://127.0.0.1:$(kafka_port "$number"),CONTROLLER://127.0.0.1:$(controller_port "$number")$more
advertised.listeners=PLAINTEXT://127.0.0.1:$(kafka_port "$number")$advertised
ssl.keystore.location=$STACK_TLS/server.pem
ssl.truststore.location=$STACK_TLS/ca.pem
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_$STACK_USER="$STACK_PASSWORD";
default.replication.factor=$STACK_BROKERS
min.insync.replicas=$most
offsets.topic.replication.factor=$STACK_BROKERS
transaction.state.log.replication.factor=$STACK_BROKERS
transaction.state.log.min.isr=$most
share.coordinator.state.topic.replication.factor=$STACK_BROKERS
share.coordinator.state.topic.min.isr=$most
PROPERTIES
}

kafka_voter() { echo "$1@127.0.0.1:$(controller_port "$1")"; }

# A cluster's id is made once, for all of its brokers. It may not begin with a dash.
format_kafka() {
    local dir=$1 id_file=$STACK_DIR/kafka-cluster-id
    [[ -f $id_file ]] || echo "T$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)" >"$id_file"
    "$java" -cp "$jars/*" -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dlog4j2.configurationFile="$here/log4j2.properties" kafka.tools.StorageTool format \
        --add-scram "SCRAM-SHA-256=[name=$STACK_USER,password=$STACK_PASSWORD]" \
        --add-scram "SCRAM-SHA-512=[name=$STACK_USER,password=$STACK_PASSWORD]" \
        --cluster-id "$(<"$id_file")" --config "$dir/server.properties" >"$dir/format.log" 2>&1 ||
        { tail -n 20 "$dir/format.log" >&2; fail "formatting $dir failed"; }
    touch "$dir/has-user"
}

# Said when the controllers have let the broker in.
kafka_is_ready() { has_said "kafka-$1" "Kafka Server started" && answers 127.0.0.1 "$(kafka_port "$1")"; }
