{{/* Names, labels and images of the brokers and controllers. */}}

{{/* The brokers': the release's with -kafka behind it; a release that is named kafka is named well enough. */}}
{{- define "kafkade.kafka.fullname" -}}
{{- ternary "kafka" (printf "%s-kafka" (include "kafkade.releaseName" (dict "context" . "most" 40))) (eq .Release.Name "kafka") -}}
{{- end -}}

{{/* Pods that are controllers and nothing else, where kafka.controllers.enabled asks for them. */}}
{{- define "kafkade.kafka.controllerName" -}}
{{- $release := include "kafkade.releaseName" (dict "context" . "most" 35) -}}
{{- ternary "kafka-controller" (printf "%s-kafka-controller" $release) (eq .Release.Name "kafka") -}}
{{- end -}}

{{- define "kafkade.kafka.headless" -}}
{{ include "kafkade.kafka.fullname" . }}-headless
{{- end -}}

{{- define "kafkade.kafka.controllerHeadless" -}}
{{ include "kafkade.kafka.controllerName" . }}-headless
{{- end -}}

{{/* Labels to select pods by: (dict "context" $ "component" "broker"), or "controller". */}}
{{- define "kafkade.kafka.selectorLabels" -}}
{{ include "kafkade.selectorLabels" (dict "context" .context "component" .component "name" "kafka") }}
{{- end -}}

{{- define "kafkade.kafka.labels" -}}
{{ include "kafkade.labels" (dict "context" .context "component" .component "name" "kafka"
  "version" (include "kafkade.kafka.version" .context)) }}
{{- end -}}

{{/* Without those of the chart's version, which would have all brokers rolled with each new chart. */}}
{{- define "kafkade.kafka.podLabels" -}}
{{ include "kafkade.kafka.selectorLabels" . }}
app.kubernetes.io/part-of: kafkade
app.kubernetes.io/version: {{ include "kafkade.kafka.version" .context | quote }}
{{- end -}}

{{/*
The version with its patch level. One of two numbers is taken for the newest patch release that the chart knows;
images are tagged with three.
*/}}
{{- define "kafkade.kafka.version" -}}
{{- $newest := dict "3.5" "3.5.2" "3.6" "3.6.2" "3.7" "3.7.2" "3.8" "3.8.1" "3.9" "3.9.2"
  "4.0" "4.0.2" "4.1" "4.1.2" "4.2" "4.2.2" "4.3" "4.3.1" "4.4" "4.4.0" -}}
{{- $version := .Values.kafka.version -}}
{{- if eq (len (splitList "." $version)) 3 -}}
{{ $version }}
{{- else -}}
{{ get $newest $version | default (printf "%s.0" $version) }}
{{- end -}}
{{- end -}}

{{/* Whether the version is at least the one given: (dict "context" $ "version" "4.0.0"); "true" or nothing. */}}
{{- define "kafkade.kafka.atLeast" -}}
{{- if semverCompare (printf ">=%s" .version) (include "kafkade.kafka.version" .context) -}}true{{- end -}}
{{- end -}}

{{/*
The image. Apache publishes apache/kafka from 3.7.0 on; what is older needs an image with the same interface
(KIP-975), which deploy/images/kafka makes.
*/}}
{{- define "kafkade.kafka.image" -}}
{{- $image := .Values.kafka.image -}}
{{- $own := ternary "apache/kafka" "kafkade/kafka" (eq "true" (include "kafkade.kafka.atLeast" (dict "context" . "version" "3.7.0"))) -}}
{{- $image = merge (dict "repository" ($image.repository | default $own)) $image -}}
{{ include "kafkade.image" (dict "image" $image "tag" (include "kafkade.kafka.version" .)) }}
{{- end -}}

{{/*
The cluster's id, 16 bytes in base64url as Kafka wants it. Made of the namespace and the name, so that rendering it again
gives the same, without looking into the cluster, and volumes that an uninstalled release left are taken up again.
*/}}
{{- define "kafkade.kafka.clusterId" -}}
{{- $made := printf "%s/%s" .Release.Namespace (include "kafkade.kafka.fullname" .) | sha256sum | trunc 16 | b64enc | trimSuffix "==" -}}
{{ .Values.kafka.clusterId | default $made }}
{{- end -}}

{{/* How many pods vote on metadata. Fixed when their storage is formatted. */}}
{{- define "kafkade.kafka.voters" -}}
{{- $context := . -}}
{{- $apart := .Values.kafka.controllers.enabled -}}
{{- $set := ternary (include "kafkade.kafka.controllerName" .) (include "kafkade.kafka.fullname" .) $apart -}}
{{- $service := ternary (include "kafkade.kafka.controllerHeadless" .) (include "kafkade.kafka.headless" .) $apart -}}
{{- $voters := list -}}
{{- range $ordinal := until (int .Values.kafka.controllers.replicas) -}}
{{- $id := ternary (add 1000 $ordinal) $ordinal $apart -}}
{{- $voters = append $voters (printf "%d@%s-%d.%s.%s.svc:9090" (int $id) $set $ordinal $service $context.Release.Namespace) -}}
{{- end -}}
{{ join "," $voters }}
{{- end -}}

{{/*
The address that clients in Kubernetes begin with: (dict "context" $ "listener" "scram"); without "listener", that of the
first one that there is: plain, TLS, SCRAM.
*/}}
{{- define "kafkade.kafka.address" -}}
{{- $context := .context -}}
{{- $found := include "kafkade.kafka.clientListeners" $context | fromJsonArray -}}
{{- $wanted := .listener | default (get (first $found | default dict) "name") | upper -}}
{{- range $found -}}
{{- if eq .name $wanted -}}
{{ printf "%s.%s.svc:%d" (include "kafkade.kafka.fullname" $context) $context.Release.Namespace (int .port) }}
{{- end -}}
{{- end -}}
{{- end -}}
