{{/*
Whether the API server serves a kind: (dict "context" $ "api" "kafkade.io/v1alpha1/KafkaCluster"); "true" or nothing.
Where there is no cluster to ask (helm template), it counts as served: then Helm knows the kinds of its own library alone,
which has no API services.
*/}}
{{- define "kafkade.served" -}}
{{- $served := .context.Capabilities.APIVersions -}}
{{- if or ($served.Has .api) (not ($served.Has "apiregistration.k8s.io/v1")) -}}true{{- end -}}
{{- end -}}

{{/*
Labels and annotations of a custom resource: (dict "context" $ "component" "topic" "kind" "KafkaTopic").

Helm refuses a whole release for one object of a kind that is not served yet. Where the definitions come with this very
release, their resources are made by a hook after it, and carry what lets the next upgrade take them into the release.
*/}}
{{- define "kafkade.resources.metadata" -}}
labels:
  {{- include "kafkade.labels" . | nindent 2 }}
annotations:
  # helm uninstall takes the operator away as well, which lets go of what is deleted; and a topic's records go with it
  helm.sh/resource-policy: keep
  {{- if not (include "kafkade.served" (dict "context" .context "api" (printf "kafkade.io/v1alpha1/%s" .kind))) }}
  helm.sh/hook: post-install,post-upgrade
  meta.helm.sh/release-name: {{ .context.Release.Name }}
  meta.helm.sh/release-namespace: {{ .context.Release.Namespace }}
  {{- end }}
{{- end -}}

{{/*
Whether resources of a kind can be made: (dict "context" $ "kind" "KafkaTopic"). They are served, or come with this release
and a hook finds them served after it: Helm 4 looks anew before hooks, Helm 3 does not.
*/}}
{{- define "kafkade.resources.can" -}}
{{- $hooks := semverCompare ">=4.0.0-0" .context.Capabilities.HelmVersion.Version -}}
{{- if or (and $hooks .context.Values.crds.create) (include "kafkade.served" (dict "context" .context "api" (printf "kafkade.io/v1alpha1/%s" .kind))) -}}
true
{{- end -}}
{{- end -}}
