#!/bin/sh
exec /opt/kafka/bin/java-class.sh org.apache.kafka.tools.consumer.ConsoleConsumer "$@"
