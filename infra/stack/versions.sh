# shellcheck shell=bash disable=SC2034
# The servers that tests run against, from Maven Central and the Go module proxy.
KAFKA_VERSION=4.1.0
CASSANDRA_VERSION=5.0.5
VERSITYGW_VERSION=1.8.0
