{{/*
What brokers and controllers are told: properties as Kafka's documentation names them, and the environment that the image
makes them of.
*/}}

{{/* A value as properties have it. Helm reads numbers as floats, which would be written 1.048576e+06. */}}
{{- define "kafkade.kafka.text" -}}
{{- if kindIs "float64" . -}}{{ printf "%d" (int64 .) }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}

{{/*
The name of a property's variable, by the image's rule (KIP-975): dots become one underscore, underscores two, hyphens
three, and KAFKA_ comes before it.
*/}}
{{- define "kafkade.kafka.variable" -}}
KAFKA_{{ . | replace "_" "__" | replace "-" "___" | replace "." "_" | upper }}
{{- end -}}

{{/* Listeners that clients use, as a list of dicts: name, protocol, port. */}}
{{- define "kafkade.kafka.clientListeners" -}}
{{- $kafka := .Values.kafka -}}
{{- $found := list -}}
{{- if $kafka.listeners.plain.enabled -}}
{{- $found = append $found (dict "name" "PLAIN" "protocol" "PLAINTEXT" "port" 9092) -}}
{{- end -}}
{{- if $kafka.listeners.tls.enabled -}}
{{- $found = append $found (dict "name" "TLS" "protocol" "SSL" "port" 9093) -}}
{{- end -}}
{{- if $kafka.listeners.scram.enabled -}}
{{- $found = append $found (dict "name" "SCRAM" "protocol" (ternary "SASL_SSL" "SASL_PLAINTEXT" (ne $kafka.tls.secretName "")) "port" 9094) -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/*
Properties of a role, as YAML: (dict "context" $ "role" "broker"), or "controller", or "combined". Without node.id and
broker.rack, which each pod has of its own. Listeners are not named SSL or SASL_SSL, by which the image's scripts would
ask for keystores with passwords.
*/}}
{{- define "kafkade.kafka.settings" -}}
{{- $context := .context -}}
{{- $kafka := $context.Values.kafka -}}
{{- $broker := ne .role "controller" -}}
{{- $controller := ne .role "broker" -}}
{{- $inside := ternary "SSL" "PLAINTEXT" $kafka.tls.internal -}}
{{- $clients := include "kafkade.kafka.clientListeners" $context | fromJsonArray -}}
{{- $listeners := list -}}
{{- $advertised := list -}}
{{- $protocols := list (printf "CONTROLLER:%s" $inside) (printf "REPLICATION:%s" $inside) -}}
{{- range $clients -}}
{{- $protocols = append $protocols (printf "%s:%s" .name .protocol) -}}
{{- end -}}
{{- if $controller -}}
{{- $listeners = append $listeners "CONTROLLER://:9090" -}}
{{- end -}}
{{- if $broker -}}
{{- $host := printf "$(POD_NAME).%s.%s.svc" (include "kafkade.kafka.headless" $context) $context.Release.Namespace -}}
{{- range prepend $clients (dict "name" "REPLICATION" "port" 9091) -}}
{{- $listeners = append $listeners (printf "%s://:%d" .name (int .port)) -}}
{{- $advertised = append $advertised (printf "%s://%s:%d" .name $host (int .port)) -}}
{{- end -}}
{{- end -}}
{{- $internal := min 3 (int $kafka.replicationFactor) -}}
{{- $internalInSync := max 1 (sub $internal 1) -}}
{{- $settings := dict
  "process.roles" (ternary "broker,controller" (ternary "broker" "controller" $broker) (and $broker $controller))
  "controller.quorum.voters" (include "kafkade.kafka.voters" $context)
  "controller.listener.names" "CONTROLLER"
  "listeners" (join "," $listeners)
  "listener.security.protocol.map" (join "," $protocols)
  "log.dirs" "/var/lib/kafka/data/kraft"
  "num.partitions" $kafka.partitions
  "default.replication.factor" $kafka.replicationFactor
  "min.insync.replicas" (include "kafkade.kafka.minInSync" $context)
  "auto.create.topics.enable" $kafka.config.autoCreateTopics
  "delete.topic.enable" $kafka.config.deleteTopicEnable
  "message.max.bytes" $kafka.config.messageMaxBytes
  "offsets.topic.replication.factor" $internal
  "transaction.state.log.replication.factor" $internal
  "transaction.state.log.min.isr" $internalInSync
-}}
{{- if include "kafkade.kafka.atLeast" (dict "context" $context "version" "4.0.0") -}}
{{- $_ := set $settings "share.coordinator.state.topic.replication.factor" $internal -}}
{{- $_ := set $settings "share.coordinator.state.topic.min.isr" $internalInSync -}}
{{- end -}}
{{- if $broker -}}
{{- $_ := set $settings "inter.broker.listener.name" "REPLICATION" -}}
{{- $_ := set $settings "advertised.listeners" (join "," $advertised) -}}
{{- end -}}
{{- $settings = merge $settings (include "kafkade.kafka.securitySettings" (dict "context" $context "broker" $broker) | fromYaml) -}}
{{- $settings = merge $settings $kafka.config.extra -}}
{{- range $key := keys $settings | sortAlpha }}
{{ $key }}: {{ include "kafkade.kafka.text" (get $settings $key) | quote }}
{{- end -}}
{{- end -}}

{{/* Replicas that must have a record before acks=all is answered: one less than there are, so that a broker may stop. */}}
{{- define "kafkade.kafka.minInSync" -}}
{{- $kafka := .Values.kafka -}}
{{- $kafka.config.minInsyncReplicas | default (max 1 (sub (int $kafka.replicationFactor) 1)) | int -}}
{{- end -}}

{{/*
TLS and SASL by listener, as YAML: (dict "context" $ "broker" true). Keys and certificates are files that the init
container puts together of the Secret.
*/}}
{{- define "kafkade.kafka.securitySettings" -}}
{{- $kafka := .context.Values.kafka -}}
{{- $tls := dict -}}
{{- if $kafka.tls.internal -}}
{{- $_ := set $tls "controller" "required" -}}
{{- $_ := set $tls "replication" "required" -}}
{{- end -}}
{{- if and .broker $kafka.listeners.tls.enabled -}}
{{- $_ := set $tls "tls" $kafka.listeners.tls.clientAuth -}}
{{- end -}}
{{- if and .broker $kafka.listeners.scram.enabled $kafka.tls.secretName -}}
{{- $_ := set $tls "scram" "none" -}}
{{- end -}}
{{- range $name := keys $tls | sortAlpha }}
listener.name.{{ $name }}.ssl.keystore.type: PEM
listener.name.{{ $name }}.ssl.keystore.location: /opt/kafka/tls/keystore.pem
listener.name.{{ $name }}.ssl.truststore.type: PEM
listener.name.{{ $name }}.ssl.truststore.location: /opt/kafka/tls/truststore.pem
listener.name.{{ $name }}.ssl.client.auth: {{ get $tls $name }}
{{- end }}
{{- if and .broker $kafka.listeners.scram.enabled }}
{{- $mechanism := $kafka.listeners.scram.mechanism }}
listener.name.scram.sasl.enabled.mechanisms: {{ $mechanism }}
listener.name.scram.{{ lower $mechanism }}.sasl.jaas.config: org.apache.kafka.common.security.scram.ScramLoginModule required;
{{- end }}
{{- end -}}

{{/* The environment of a role's container: (dict "context" $ "role" "combined" "firstNodeId" ""). */}}
{{- define "kafkade.kafka.environment" -}}
{{- $context := .context -}}
{{- $kafka := $context.Values.kafka -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_INDEX
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
- name: CLUSTER_ID
  value: {{ include "kafkade.kafka.clusterId" $context | quote }}
- name: KAFKA_NODE_ID
  {{- /* controllers apart: 1000, 1001, … */}}
  value: {{ printf "%s$(POD_INDEX)" (ternary "100" "" (eq .role "controller")) | quote }}
{{- if and (ne .role "controller") $kafka.rack.podLabel }}
- name: KAFKA_BROKER_RACK
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['{{ $kafka.rack.podLabel }}']
{{- end }}
{{- $settings := include "kafkade.kafka.settings" . | fromYaml }}
{{- range $key := keys $settings | sortAlpha }}
- name: {{ include "kafkade.kafka.variable" $key }}
  value: {{ get $settings $key | quote }}
{{- end }}
- name: KAFKA_HEAP_OPTS
  value: {{ $kafka.heapOptions | quote }}
{{- if include "kafkade.kafka.exporter" $context }}
- name: KAFKA_OPTS
  value: {{ printf "-javaagent:%s=9404:/opt/kafka/exporter/config.yaml" (include "kafkade.kafka.exporter" $context) | quote }}
{{- end }}
{{- end -}}

{{/* Where the Prometheus agent is in the broker's container; nothing where there is none. */}}
{{- define "kafkade.kafka.exporter" -}}
{{- $monitoring := .Values.kafka.monitoring -}}
{{- if $monitoring.enabled -}}
{{- if $monitoring.jmxExporter.image.repository -}}
/opt/kafka/agent/agent.jar
{{- else -}}
{{ $monitoring.jmxExporter.jar }}
{{- end -}}
{{- end -}}
{{- end -}}
