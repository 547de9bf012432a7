{{/* Names and labels that all templates share. */}}

{{/* The operator's name: the release's, with -kafkade unless it says so already. */}}
{{- define "kafkade.fullname" -}}
{{- $made := ternary .Release.Name (printf "%s-kafkade" .Release.Name) (contains "kafkade" .Release.Name) -}}
{{- default $made .Values.operator.fullnameOverride -}}
{{- end -}}

{{/*
The release's name as others begin with it: (dict "context" $ "most" 40), at most so many characters. A StatefulSet's name has
at most 52, since pods carry it with a hash as a label's value, and a Service's 63. What is cut off where stays as it is: other
names would be other StatefulSets, with empty volumes.
*/}}
{{- define "kafkade.releaseName" -}}
{{- .context.Release.Name | trunc .most | trimSuffix "-" -}}
{{- end -}}

{{/*
A name as a Service has it: (dict "context" $ "name" "kafka"). Helm lets releases begin with a digit and have dots, a Service
may have no dots, and begins with a letter until Kubernetes 1.36.
*/}}
{{- define "kafkade.serviceName" -}}
{{- $version := .context.Capabilities.KubeVersion.Version -}}
{{- $digit := semverCompare "<1.36.0-0" $version -}}
{{- if or (contains "." .name) (and $digit (regexMatch "^[0-9]" .name)) -}}
{{- fail (printf "%s cannot be the name of a Service, which has lower-case letters, digits and hyphens%s. It is made of the release's name: install by another one, or, for the operator alone, set operator.fullnameOverride" .name (ternary (printf ", and begins with a letter in Kubernetes %s" $version) "" $digit)) -}}
{{- end -}}
{{ .name }}
{{- end -}}

{{/* Name and version of the chart, as a label's value. */}}
{{- define "kafkade.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
Labels to select pods by, which never change: (dict "context" $ "component" "operator").
"name" is of the application, kafkade unless it is said.
*/}}
{{- define "kafkade.selectorLabels" -}}
app.kubernetes.io/name: {{ .name | default "kafkade" }}
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* All labels of an object; takes what kafkade.selectorLabels does, and "version", the appVersion unless it is said. */}}
{{- define "kafkade.labels" -}}
{{ include "kafkade.selectorLabels" . }}
app.kubernetes.io/part-of: kafkade
app.kubernetes.io/version: {{ .version | default .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
helm.sh/chart: {{ include "kafkade.chart" .context }}
{{- end -}}

{{/* An image by its digest, or by its tag: (dict "image" .Values.operator.image "tag" .Chart.AppVersion). */}}
{{- define "kafkade.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .tag }}
{{- end -}}
{{- end -}}

{{/* As whom and where pods run: (dict "values" .Values.kafka "pullSecrets" .Values.kafka.image.pullSecrets). */}}
{{- define "kafkade.podSettings" -}}
securityContext:
  {{- toYaml .values.podSecurityContext | nindent 2 }}
{{- with .pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "kafkade.operator.selectorLabels" -}}
{{ include "kafkade.selectorLabels" (dict "context" . "component" "operator") }}
{{- end -}}

{{- define "kafkade.operator.labels" -}}
{{ include "kafkade.labels" (dict "context" . "component" "operator") }}
{{- end -}}

{{/* A Service of the operator: (dict "context" $ "of" "metrics"). */}}
{{- define "kafkade.operator.service" -}}
{{- $name := include "kafkade.fullname" .context | trunc 55 | trimSuffix "-" -}}
{{- include "kafkade.serviceName" (dict "context" .context "name" (printf "%s-%s" $name .of)) -}}
{{- end -}}

{{/* operator.ui, as JSON. Helm's --reuse-values leaves a new chart without its own defaults, so they are here once more. */}}
{{- define "kafkade.operator.ui" -}}
{{- $defaults := dict "enabled" false "port" 8081 "tokenSecret" (dict "name" "" "key" "token") "hosts" list -}}
{{- merge (deepCopy (.Values.operator.ui | default dict)) $defaults | toJson -}}
{{- end -}}

{{/* operator.metrics.dashboards, likewise. */}}
{{- define "kafkade.operator.dashboards" -}}
{{- $given := .Values.operator.metrics.dashboards | default dict -}}
{{- if not (hasKey $given "labels") -}}
{{- $given = merge (dict "labels" (dict "grafana_dashboard" "1")) $given -}}
{{- end -}}
{{- toJson $given -}}
{{- end -}}

{{- define "kafkade.operator.serviceAccount" -}}
{{- $given := .Values.operator.serviceAccount -}}
{{- default (ternary (include "kafkade.fullname" .) "default" $given.create) $given.name -}}
{{- end -}}
