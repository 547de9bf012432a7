{{/* Names and labels that all templates share. */}}

{{/*
The operator's name: the release's, with -kafkade unless it says so already. At most 55 characters: a Service may have 63, and
that for metrics has -metrics behind it.
*/}}
{{- define "kafkade.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "kafkade" $name) -}}
{{- $name = printf "%s-kafkade" ($name | trunc 47 | trimSuffix "-") -}}
{{- end -}}
{{- default $name .Values.operator.fullnameOverride -}}
{{- end -}}

{{/*
The release's name as it begins those of StatefulSets. They have at most 52 characters, since their pods carry the name with a
hash as a label's value: -kafka-controller leaves 35.
*/}}
{{- define "kafkade.releaseName" -}}
{{- .Release.Name | trunc 35 | trimSuffix "-" -}}
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

{{- define "kafkade.operator.serviceAccount" -}}
{{- $given := .Values.operator.serviceAccount -}}
{{- default (ternary (include "kafkade.fullname" .) "default" $given.create) $given.name -}}
{{- end -}}
