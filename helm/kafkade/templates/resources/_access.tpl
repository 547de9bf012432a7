{{/* How the first listener, that of kafkade.kafka.address, is spoken to, as fields of a KafkaCluster's spec. */}}
{{- define "kafkade.kafka.access" -}}
{{- $kafka := .Values.kafka -}}
{{- $listeners := $kafka.listeners -}}
{{- if not $listeners.plain.enabled }}
{{- if $kafka.tls.secretName }}
tls:
  caSecretRef:
    name: {{ $kafka.tls.secretName }}
  {{- if and $listeners.tls.enabled (ne $listeners.tls.clientAuth "none") }}
  clientCertSecretRef:
    name: {{ $kafka.tls.secretName }}
  {{- end }}
{{- end }}
{{- if not $listeners.tls.enabled }}
sasl:
  mechanism: {{ $listeners.scram.mechanism }}
  credentialsSecretRef:
    name: {{ $listeners.scram.usersSecret }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The KafkaCluster that topics, schemas and policies of the values belong to when they name none. */}}
{{- define "kafkade.resources.clusterRef" -}}
{{- if .Values.kafka.enabled -}}
clusterRef:
  name: {{ include "kafkade.kafka.fullname" . }}
{{- end -}}
{{- end -}}
