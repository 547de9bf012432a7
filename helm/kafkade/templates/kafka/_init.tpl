{{/* What must be there before a broker starts: certificates in one file, the first SCRAM user, the metrics agent. */}}

{{- define "kafkade.kafka.initContainers" -}}
{{- $context := .context -}}
{{- $kafka := $context.Values.kafka -}}
{{- $image := include "kafkade.kafka.image" $context -}}
{{- if $kafka.tls.secretName }}
# PEM keystores are one file of key and certificates; Secrets of certificates have two
- name: tls
  image: {{ $image }}
  imagePullPolicy: {{ $kafka.image.pullPolicy }}
  securityContext:
    {{- toYaml $kafka.securityContext | nindent 4 }}
  command:
    - bash
    - -euc
    - |
      umask 077
      cat /tls-secret/tls.key /tls-secret/tls.crt > /opt/kafka/tls/keystore.pem
      cat /tls-secret/ca.crt > /opt/kafka/tls/truststore.pem
  volumeMounts:
    - name: tls
      mountPath: /opt/kafka/tls
    - name: tls-secret
      mountPath: /tls-secret
      readOnly: true
{{- end }}
{{- if and $kafka.listeners.scram.enabled (ne .role "broker") }}
# the image formats storage without users, and leaves alone what is formatted already
- name: format
  image: {{ $image }}
  imagePullPolicy: {{ $kafka.image.pullPolicy }}
  securityContext:
    {{- toYaml $kafka.securityContext | nindent 4 }}
  env:
    {{- include "kafkade.kafka.environment" . | nindent 4 }}
    - name: SCRAM_USERNAME
      valueFrom:
        secretKeyRef:
          name: {{ $kafka.listeners.scram.usersSecret }}
          key: username
    - name: SCRAM_PASSWORD
      valueFrom:
        secretKeyRef:
          name: {{ $kafka.listeners.scram.usersSecret }}
          key: password
  command:
    - bash
    - -euc
    - |
      unset KAFKA_OPTS
      for name in PROCESS_ROLES NODE_ID CONTROLLER_QUORUM_VOTERS CONTROLLER_LISTENER_NAMES LISTENERS \
          ADVERTISED_LISTENERS INTER_BROKER_LISTENER_NAME LISTENER_SECURITY_PROTOCOL_MAP LOG_DIRS; do
        variable="KAFKA_$name" key="${name,,}"
        [ -z "${!variable:-}" ] || echo "${key//_/.}=${!variable}"
      done > /tmp/format.properties
      exec /opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id "$CLUSTER_ID" \
        --config /tmp/format.properties \
        --add-scram "{{ $kafka.listeners.scram.mechanism }}=[name=$SCRAM_USERNAME,password=$SCRAM_PASSWORD]"
  resources:
    {{- toYaml .resources | nindent 4 }}
  volumeMounts:
    - name: data
      mountPath: /var/lib/kafka/data
    - name: logs
      mountPath: /opt/kafka/logs
    - name: tmp
      mountPath: /tmp
{{- end }}
{{- with $kafka.monitoring.jmxExporter }}
{{- if and $kafka.monitoring.enabled .image.repository }}
- name: metrics-agent
  image: {{ include "kafkade.image" (dict "image" .image "tag" "latest") }}
  imagePullPolicy: {{ .image.pullPolicy }}
  securityContext:
    {{- toYaml $kafka.securityContext | nindent 4 }}
  command: [cp, {{ .jar | quote }}, /agent/agent.jar]
  volumeMounts:
    - name: exporter-agent
      mountPath: /agent
{{- end }}
{{- end }}
{{- end -}}

{{/* The agent's own configuration. */}}
{{- define "kafkade.kafka.exporterConfig" -}}
{{ toYaml .Values.kafka.monitoring.jmxExporter.config }}
{{- end -}}
