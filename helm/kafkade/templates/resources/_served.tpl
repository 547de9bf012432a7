{{/*
Whether the API server serves a kind: (dict "context" $ "api" "kafkade.io/v1alpha1/KafkaCluster"); "true" or nothing.
Helm refuses a whole release for one object of a kind that is not served yet. Where there is no cluster to ask (helm
template), everything is rendered: then Helm knows the kinds of its own library alone, which has no API services.
*/}}
{{- define "kafkade.served" -}}
{{- $served := .context.Capabilities.APIVersions -}}
{{- if or ($served.Has .api) (not ($served.Has "apiregistration.k8s.io/v1")) -}}true{{- end -}}
{{- end -}}

{{/* Labels and annotations of custom resources: (dict "context" $ "component" "topic"). */}}
{{- define "kafkade.resources.metadata" -}}
labels:
  {{- include "kafkade.labels" . | nindent 2 }}
annotations:
  # helm uninstall takes the operator away as well, which lets go of what is deleted; and a topic's records go with it
  helm.sh/resource-policy: keep
{{- end -}}
