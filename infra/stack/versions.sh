# shellcheck shell=bash disable=SC2034
# The servers that tests run against, from Maven Central and the Go module proxy, and what fetches them.
KAFKA_VERSION=4.1.0
CASSANDRA_VERSION=5.0.5
LOG4J_VERSION=2.24.3
VERSITYGW_VERSION=1.8.0
# Used where the Go that is there is too old to fetch a newer one by itself.
GO_VERSION=1.25.0
MAVEN_DEPENDENCY_PLUGIN_VERSION=3.8.1
