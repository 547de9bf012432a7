{{/* Names and labels of the schema registry. */}}

{{- define "kafkade.registry.fullname" -}}
{{ include "kafkade.releaseName" (dict "context" . "most" 36) }}-schema-registry
{{- end -}}

{{- define "kafkade.registry.version" -}}
{{ .Values.schemaRegistry.image.tag | default "3.3.3" }}
{{- end -}}

{{- define "kafkade.registry.selectorLabels" -}}
{{ include "kafkade.selectorLabels" (dict "context" . "component" "schema-registry" "name" "schema-registry") }}
{{- end -}}

{{- define "kafkade.registry.labels" -}}
{{ include "kafkade.labels" (dict "context" . "component" "schema-registry" "name" "schema-registry"
  "version" (include "kafkade.registry.version" .)) }}
{{- end -}}

{{- define "kafkade.registry.url" -}}
{{ printf "http://%s.%s.svc:8080" (include "kafkade.registry.fullname" .) .Release.Namespace }}
{{- end -}}

{{/* The brokers that keep the schemas: those of this release, or others by their address. */}}
{{- define "kafkade.registry.bootstrap" -}}
{{- if .Values.schemaRegistry.bootstrapServers -}}
{{ .Values.schemaRegistry.bootstrapServers }}
{{- else if .Values.kafka.enabled -}}
{{ include "kafkade.kafka.address" (dict "context" . "listener" (include "kafkade.registry.listener" .)) }}
{{- else -}}
{{- fail "schemaRegistry.bootstrapServers: the registry keeps schemas in Kafka; give its address, or set kafka.enabled" -}}
{{- end -}}
{{- end -}}

{{/*
The listener of this release's brokers that it uses: plain, else TLS if that asks for no client certificate, of which it
has none, else SCRAM. Nothing where its brokers are others.
*/}}
{{- define "kafkade.registry.listener" -}}
{{- $listeners := .Values.kafka.listeners -}}
{{- if and .Values.kafka.enabled (not .Values.schemaRegistry.bootstrapServers) -}}
{{- if $listeners.plain.enabled -}}
plain
{{- else if and $listeners.tls.enabled (ne $listeners.tls.clientAuth "required") -}}
tls
{{- else if $listeners.scram.enabled -}}
scram
{{- else -}}
{{- fail "schemaRegistry: the registry shows no client certificate; enable kafka.listeners.plain or scram for it, or set kafka.listeners.tls.clientAuth: requested" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
How it speaks to the brokers of this release. Others are told by schemaRegistry.extraEnv: APICURIO_KAFKA_COMMON_ before
any property of Kafka's clients.
*/}}
{{- define "kafkade.registry.kafkaSecurity" -}}
{{- $kafka := .Values.kafka -}}
{{- $listener := include "kafkade.registry.listener" . -}}
{{- $sasl := eq $listener "scram" -}}
{{- $tls := ne "" (include "kafkade.registry.mountsCa" .) -}}
{{- if or $sasl $tls }}
- name: APICURIO_KAFKA_COMMON_SECURITY_PROTOCOL
  value: {{ ternary (ternary "SASL_SSL" "SASL_PLAINTEXT" $tls) "SSL" $sasl }}
{{- end }}
{{- if $tls }}
- name: APICURIO_KAFKA_COMMON_SSL_TRUSTSTORE_TYPE
  value: PEM
- name: APICURIO_KAFKA_COMMON_SSL_TRUSTSTORE_LOCATION
  value: /kafka-tls/ca.crt
# it checks no host names unless it is told to
- name: APICURIO_KAFKA_COMMON_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM
  value: https
{{- end }}
{{- if $sasl }}
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
- name: APICURIO_KAFKA_COMMON_SASL_MECHANISM
  value: {{ $kafka.listeners.scram.mechanism }}
- name: APICURIO_KAFKA_COMMON_SASL_JAAS_CONFIG
  value: >-
    org.apache.kafka.common.security.scram.ScramLoginModule required
    username="$(SCRAM_USERNAME)" password="$(SCRAM_PASSWORD)";
{{- end }}
{{- end -}}

{{/* Whether the Secret with the brokers' CA is mounted: "true" or nothing. */}}
{{- define "kafkade.registry.mountsCa" -}}
{{- $listener := include "kafkade.registry.listener" . -}}
{{- if and $listener (ne $listener "plain") .Values.kafka.tls.secretName -}}true{{- end -}}
{{- end -}}
