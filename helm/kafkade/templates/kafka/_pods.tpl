{{/* The StatefulSet of a role and what its pods are made of. */}}

{{/*
(dict "context" $ "role" "combined" "name" "kafka" "service" "kafka-headless" "component" "broker" "replicas" 3
"resources" … "storage" …)
*/}}
{{- define "kafkade.kafka.statefulSet" -}}
{{- $context := .context -}}
{{- $kafka := $context.Values.kafka -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  namespace: {{ $context.Release.Namespace }}
  labels:
    {{- include "kafkade.kafka.labels" . | nindent 4 }}
  annotations:
    # what storage is formatted with, and its size as it was given: an upgrade that would change them is refused
    kafkade.io/cluster-id: {{ include "kafkade.kafka.clusterId" $context | quote }}
    kafkade.io/controller-quorum-voters: {{ include "kafkade.kafka.voters" $context | quote }}
    kafkade.io/storage-size: {{ .storage.size | quote }}
spec:
  replicas: {{ .replicas }}
  serviceName: {{ .service }}
  # a quorum forms of several, so none can wait until another one is ready
  podManagementPolicy: Parallel
  updateStrategy:
    # OnDelete: kafkade deletes outdated pods, one at a time, when no partition suffers
    type: {{ ternary "RollingUpdate" "OnDelete" (eq $kafka.rolling "RollingUpdate") }}
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: Retain
  selector:
    matchLabels:
      {{- include "kafkade.kafka.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "kafkade.kafka.podLabels" . | nindent 8 }}
        {{- with $kafka.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: kafka
        {{- if include "kafkade.kafka.exporter" $context }}
        kafkade.io/exporter-config: {{ include "kafkade.kafka.exporterConfig" $context | sha256sum | trunc 16 | quote }}
        {{- end }}
        {{- with $kafka.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "kafkade.kafka.podSpec" . | nindent 6 }}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: data
        labels:
          {{- include "kafkade.kafka.selectorLabels" . | nindent 10 }}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .storage.class }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .storage.size | quote }}
{{- end -}}

{{- define "kafkade.kafka.podSpec" -}}
{{- $context := .context -}}
{{- $kafka := $context.Values.kafka -}}
automountServiceAccountToken: false
# variables of a Service named kafka, such as KAFKA_PORT, would be taken for properties
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $kafka.terminationGracePeriodSeconds }}
{{- include "kafkade.podSettings" (dict "values" $kafka "pullSecrets" $kafka.image.pullSecrets) | nindent 0 }}
topologySpreadConstraints:
  {{- range $key, $mode := dict "topology.kubernetes.io/zone" $kafka.spread.zones "kubernetes.io/hostname" $kafka.spread.nodes }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $mode }}
    labelSelector:
      matchLabels:
        {{- include "kafkade.kafka.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- $before := include "kafkade.kafka.initContainers" . }}
{{- if $before }}
initContainers:
  {{- $before | nindent 2 }}
{{- end }}
containers:
  - name: kafka
    image: {{ include "kafkade.kafka.image" $context }}
    imagePullPolicy: {{ $kafka.image.pullPolicy }}
    securityContext:
      {{- toYaml $kafka.securityContext | nindent 6 }}
    env:
      {{- include "kafkade.kafka.environment" . | nindent 6 }}
    ports:
      {{- include "kafkade.kafka.containerPorts" . | nindent 6 }}
    {{- include "kafkade.kafka.probes" . | nindent 4 }}
    resources:
      {{- toYaml .resources | nindent 6 }}
    volumeMounts:
      {{- include "kafkade.kafka.mounts" $context | nindent 6 }}
volumes:
  # what the image's scripts write, since its root is read-only
  - name: config
    emptyDir: {}
  - name: logs
    emptyDir: {}
  - name: tmp
    emptyDir: {}
  {{- if $kafka.tls.secretName }}
  - name: tls
    emptyDir:
      medium: Memory
  - name: tls-secret
    secret:
      secretName: {{ $kafka.tls.secretName }}
      defaultMode: 0440
  {{- end }}
  {{- if include "kafkade.kafka.exporter" $context }}
  - name: exporter
    configMap:
      name: {{ include "kafkade.kafka.fullname" $context }}-exporter
  {{- if $kafka.monitoring.jmxExporter.image.repository }}
  - name: exporter-agent
    emptyDir: {}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "kafkade.kafka.mounts" -}}
{{- $kafka := .Values.kafka -}}
- name: data
  mountPath: /var/lib/kafka/data
- name: config
  mountPath: /opt/kafka/config
- name: logs
  mountPath: /opt/kafka/logs
- name: tmp
  mountPath: /tmp
{{- if $kafka.tls.secretName }}
- name: tls
  mountPath: /opt/kafka/tls
  readOnly: true
{{- end }}
{{- if include "kafkade.kafka.exporter" . }}
- name: exporter
  mountPath: /opt/kafka/exporter
  readOnly: true
{{- if $kafka.monitoring.jmxExporter.image.repository }}
- name: exporter-agent
  mountPath: /opt/kafka/agent
  readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{- define "kafkade.kafka.containerPorts" -}}
{{- if ne .role "broker" }}
- name: controller
  containerPort: 9090
{{- end }}
{{- if ne .role "controller" }}
- name: replication
  containerPort: 9091
{{- range include "kafkade.kafka.clientListeners" .context | fromJsonArray }}
- name: {{ lower .name }}
  containerPort: {{ .port }}
{{- end }}
{{- end }}
{{- if include "kafkade.kafka.exporter" .context }}
- name: metrics
  containerPort: 9404
{{- end }}
{{- end -}}

{{/*
Startup and readiness ask whether requests are answered, which brokers do when they have caught up with the metadata of a
quorum, not only whether the port is open; where TLS is on inside, the port is all that can be asked for without a client.
Liveness never depends on the quorum: a broker that is killed for having none helps nobody to get one.
*/}}
{{- define "kafkade.kafka.probes" -}}
{{- $port := ternary 9090 9091 (eq .role "controller") -}}
{{- $probe := .context.Values.kafka.probes -}}
startupProbe:
  {{- include "kafkade.kafka.asks" (dict "context" .context "port" $port) | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: {{ div (int $probe.startupSeconds) 5 }}
readinessProbe:
  {{- include "kafkade.kafka.asks" (dict "context" .context "port" $port) | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
livenessProbe:
  tcpSocket:
    port: {{ $port }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}

{{/* ApiVersions, the first request of every client (version 0, no client id): four bytes of an answer are enough. */}}
{{- define "kafkade.kafka.asks" -}}
{{- if .context.Values.kafka.tls.internal -}}
tcpSocket:
  port: {{ .port }}
{{- else -}}
exec:
  command:
    - bash
    - -c
    - >-
      exec 3<>/dev/tcp/127.0.0.1/{{ .port }} &&
      printf '\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff' >&3 &&
      test "$(timeout 4 head -c 4 <&3 | wc -c)" -eq 4
{{- end -}}
{{- end -}}
