#!/bin/sh
# Runs a class of Kafka's jars, in a JVM that starts soon and takes little memory; its heap is set as in the official image.
exec java ${KAFKA_HEAP_OPTS:--Xms64m -Xmx384m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Djava.net.preferIPv4Stack=true \
    -Dlog4j2.StatusLogger.level=OFF -Dorg.slf4j.simpleLogger.defaultLogLevel="${LOG_LEVEL:-warn}" \
    -Dorg.slf4j.simpleLogger.showDateTime=true -cp "/opt/kafka/libs/*" "$@"
