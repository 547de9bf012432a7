#!/usr/bin/env bash
# Runs a class of Kafka's: kafka-run-class.sh CLASS [ARGUMENT…].
set -euo pipefail
# the wrapper's jar is the last: all else is taken from this version's own
classpath="/opt/kafka/libs/*:/opt/kafka/wrapper/*"
# shellcheck disable=SC2086  # options are several words
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} \
  ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseG1GC -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true} \
  -Dkafka.logs.dir=/opt/kafka/logs ${KAFKA_LOG4J_OPTS:-} ${KAFKA_JMX_OPTS:-} ${KAFKA_OPTS:-} \
  -cp "$classpath" "$@"
