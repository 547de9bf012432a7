{{/* What kafkade rolls, as spec.rolling of a KafkaCluster: brokers first. */}}
{{- define "kafkade.kafka.rolling" -}}
statefulSets:
  - name: {{ include "kafkade.kafka.fullname" . }}
    firstNodeId: 0
  {{- if .Values.kafka.controllers.enabled }}
  - name: {{ include "kafkade.kafka.controllerName" . }}
    firstNodeId: 1000
  {{- end }}
{{- end -}}
