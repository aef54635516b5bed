#!/bin/bash
# Runs a broker as the official image does: each variable KAFKA_A_B is the setting a.b, and an empty volume is formatted.
set -eu
settings=/tmp/server.properties
env | sed -n 's/^KAFKA_//p' | sort | while IFS='=' read -r name value; do
    name=${name,,}
    echo "${name//_/.}=$value"
done > "$settings"
if [ ! -f "${KAFKA_LOG_DIRS:-/tmp/kafka-logs}/meta.properties" ]; then
    /opt/kafka/bin/java-class.sh kafka.tools.StorageTool format -t b3V0Ym9hcmQtdGVzdHMtMQ -c "$settings"
fi
LOG_LEVEL=info exec /opt/kafka/bin/java-class.sh kafka.Kafka "$settings"
