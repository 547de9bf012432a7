#!/usr/bin/env bash
# Runs a class of Kafka's: kafka-run-class.sh CLASS[,CLASS…] [ARGUMENT…]. Of several names, which a tool had in different
# versions, the first that there is.
set -euo pipefail
classes=$1
shift
# the wrapper's jar is the last: all else is taken from this version's own
classpath="/opt/kafka/libs/*:/opt/kafka/wrapper/*"
class=${classes%%,*}
if [[ $classes == *,* ]]; then
  for class in ${classes//,/ }; do
    path="${class//.//}.class"
    for jar in /opt/kafka/libs/kafka*.jar; do
      # names of a jar's files are not compressed
      if grep -qaF "$path" "$jar"; then break 2; fi
    done
  done
fi
# shellcheck disable=SC2086  # options are several words
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} \
  ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseG1GC -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true} \
  -Dkafka.logs.dir=/opt/kafka/logs ${KAFKA_LOG4J_OPTS:-} ${KAFKA_JMX_OPTS:-} ${KAFKA_OPTS:-} \
  -cp "$classpath" "$class" "$@"
