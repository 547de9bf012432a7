{{/* How the operator is scraped; takes the values of a monitor. */}}
{{- define "kafkade.operator.scrape" -}}
path: /metrics
# the operator's own label namespace says where a resource is; without this Prometheus would rename it
honorLabels: true
interval: {{ .interval }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* An alert's expression with its number in it: (dict "alert" ALERT "selector" 'job="…"'). */}}
{{- define "kafkade.operator.expression" -}}
{{- $number := "" -}}
{{- if hasKey .alert "threshold" -}}
{{- /* a number of values.yaml is a float here, and would be printed as 1e+06 */ -}}
{{- $number = ternary (int64 .alert.threshold | toString) (toString .alert.threshold) (eq (floor .alert.threshold) (float64 .alert.threshold)) -}}
{{- end -}}
{{- .alert.expr | replace "$threshold" $number | replace "$operator" .selector -}}
{{- end -}}
