{{/* What the schema cannot see: values that contradict each other, and changes that brokers would not survive. */}}

{{/* Properties that the chart sets itself, by the value that decides on them. */}}
{{- define "kafkade.kafka.ownProperties" -}}
num.partitions: kafka.partitions
default.replication.factor: kafka.replicationFactor
offsets.topic.replication.factor: kafka.replicationFactor
transaction.state.log.replication.factor: kafka.replicationFactor
transaction.state.log.min.isr: kafka.replicationFactor
share.coordinator.state.topic.replication.factor: kafka.replicationFactor
share.coordinator.state.topic.min.isr: kafka.replicationFactor
min.insync.replicas: kafka.config.minInsyncReplicas
auto.create.topics.enable: kafka.config.autoCreateTopics
delete.topic.enable: kafka.config.deleteTopicEnable
message.max.bytes: kafka.config.messageMaxBytes
process.roles: kafka.controllers.enabled
controller.quorum.voters: kafka.controllers.replicas
controller.quorum.bootstrap.servers: kafka.controllers.replicas
broker.rack: kafka.rack.podLabel
listeners: kafka.listeners
advertised.listeners: kafka.listeners
listener.security.protocol.map: kafka.listeners
inter.broker.listener.name: kafka.listeners
controller.listener.names: kafka.listeners
log.dirs: kafka.storage
log.dir: kafka.storage
metadata.log.dir: kafka.storage
node.id: kafka.controllers.enabled
broker.id: kafka.controllers.enabled
{{- end -}}

{{/* What Kafka 4.0 no longer knows, and what only ZooKeeper was ever told; patterns. */}}
{{- define "kafkade.kafka.removedProperties" -}}
- ^log\.message\.format\.version$
- ^log\.message\.timestamp\.difference\.max\.ms$
- ^inter\.broker\.protocol\.version$
- ^delegation\.token\.master\.key$
- ^offsets\.commit\.required\.acks$
- ^auto\.include\.jmx\.reporter$
- ^control\.plane\.listener\.name$
- ^broker\.id\.generation\.enable$
- ^reserved\.broker\.max\.id$
- ^password\.encoder\.
{{- end -}}

{{- define "kafkade.kafka.check" -}}
{{- $context := . -}}
{{- $kafka := .Values.kafka -}}
{{- $version := include "kafkade.kafka.version" . -}}
{{- $voters := int $kafka.controllers.replicas -}}
{{- if and (not $kafka.controllers.enabled) (ne (int $kafka.replicas) $voters) -}}
{{- fail (printf "kafka.replicas is %d, but kafka.controllers.replicas, the voters of the quorum, %d: brokers that are also controllers all vote, so the two must be equal. The quorum is fixed when storage is formatted: on a cluster that runs, put kafka.replicas back; docs/guides/brokers.md has how to get more brokers" (int $kafka.replicas) $voters) -}}
{{- end -}}
{{- if gt (int $kafka.replicationFactor) (int $kafka.replicas) -}}
{{- fail (printf "kafka.replicationFactor is %d, but there are %d brokers (kafka.replicas)" (int $kafka.replicationFactor) (int $kafka.replicas)) -}}
{{- end -}}
{{- if gt (int (include "kafkade.kafka.minInSync" .)) (int $kafka.replicationFactor) -}}
{{- fail (printf "kafka.config.minInsyncReplicas is %d, more than kafka.replicationFactor (%d): nothing could be written with acks=all" (int $kafka.config.minInsyncReplicas) (int $kafka.replicationFactor)) -}}
{{- end -}}
{{- $own := include "kafkade.kafka.ownProperties" . | fromYaml -}}
{{- $removed := include "kafkade.kafka.removedProperties" . | fromYamlArray -}}
{{- range $key, $_ := $kafka.config.extra -}}
{{- if hasKey $own $key -}}
{{- fail (printf "kafka.config.extra: %s follows from %s" $key (get $own $key)) -}}
{{- end -}}
{{- if hasPrefix "zookeeper." $key -}}
{{- fail (printf "kafka.config.extra: %s is for ZooKeeper; these brokers run without (KRaft)" $key) -}}
{{- end -}}
{{- if include "kafkade.kafka.atLeast" (dict "context" $context "version" "4.0.0") -}}
{{- range $removed -}}
{{- if regexMatch . $key -}}
{{- fail (printf "kafka.config.extra: Kafka %s does not know %s, it was removed in 4.0" $version $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "kafkade.kafka.checkListeners" . -}}
{{- include "kafkade.kafka.checkAgent" . -}}
{{- include "kafkade.kafka.checkChange" . -}}
{{- end -}}

{{- define "kafkade.kafka.checkListeners" -}}
{{- $kafka := .Values.kafka -}}
{{- $listeners := $kafka.listeners -}}
{{- if not (or $listeners.plain.enabled $listeners.tls.enabled $listeners.scram.enabled) -}}
{{- fail "kafka.listeners: nobody could connect; enable plain, tls or scram" -}}
{{- end -}}
{{- if and (or $listeners.tls.enabled $kafka.tls.internal) (not $kafka.tls.secretName) -}}
{{- fail "kafka.tls.secretName: TLS needs a Secret with ca.crt, tls.crt and tls.key" -}}
{{- end -}}
{{- if and $listeners.scram.enabled (not $listeners.scram.usersSecret) -}}
{{- fail "kafka.listeners.scram.usersSecret: SCRAM needs a Secret with username and password of the first user" -}}
{{- end -}}
{{- end -}}

{{/* An agent that is not where it is looked for keeps brokers from starting, and the pods before it from being replaced. */}}
{{- define "kafkade.kafka.checkAgent" -}}
{{- $kafka := .Values.kafka -}}
{{- $agent := $kafka.monitoring.jmxExporter -}}
{{- if $kafka.monitoring.enabled -}}
{{- if and $agent.image.repository (not $agent.jar) -}}
{{- fail (printf "kafka.monitoring.jmxExporter.jar: say where in the image %s the agent's jar is" $agent.image.repository) -}}
{{- end -}}
{{- if and $agent.jar (not $agent.image.repository) (not $kafka.image.repository) -}}
{{- fail (printf "kafka.monitoring.jmxExporter.jar: %s is not in the image of Kafka that the chart takes by itself, which has no agent. Give an image that it is copied from (kafka.monitoring.jmxExporter.image.repository), or an image of Kafka that has it (kafka.image.repository)" $agent.jar) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
What a running cluster cannot take, by what its StatefulSets say. Where nothing can be looked up (helm template, Argo CD)
this finds nothing, and the equality of replicas and voters above is what holds.
*/}}
{{- define "kafkade.kafka.checkChange" -}}
{{- $kafka := .Values.kafka -}}
{{- $name := include "kafkade.kafka.fullname" . -}}
{{- $running := lookup "apps/v1" "StatefulSet" .Release.Namespace $name -}}
{{- if $running -}}
{{- $notes := $running.metadata.annotations | default dict -}}
{{- $voters := get $notes "kafkade.io/controller-quorum-voters" -}}
{{- if and $voters (ne $voters (include "kafkade.kafka.voters" .)) -}}
{{- fail (printf "kafka.controllers: the quorum of StatefulSet %s was formatted with the voters %s, these values make it %s. Static voters cannot be changed while they run: put kafka.controllers back" $name $voters (include "kafkade.kafka.voters" .)) -}}
{{- end -}}
{{- $id := get $notes "kafkade.io/cluster-id" -}}
{{- if and $id (ne $id (include "kafkade.kafka.clusterId" .)) -}}
{{- fail (printf "kafka.clusterId: the storage of StatefulSet %s was formatted for cluster %s, these values make it %s; brokers would not start" $name $id (include "kafkade.kafka.clusterId" .)) -}}
{{- end -}}
{{- /* as it was given: the API server has 1024Gi as 1Ti. Of a release that has not noted it, the API server is the judge */ -}}
{{- $size := get $notes "kafkade.io/storage-size" -}}
{{- if and $size (ne $size (toString $kafka.storage.size)) -}}
{{- fail (printf "kafka.storage.size: volumes of StatefulSet %s were asked for with %s, these values make it %v. Kubernetes does not change that in place: docs/guides/brokers.md has how to grow volumes" $name $size $kafka.storage.size) -}}
{{- end -}}
{{- $replicas := int $running.spec.replicas -}}
{{- if and (lt (int $kafka.replicas) $replicas) (ne (int $kafka.scaleDownFrom) $replicas) -}}
{{- fail (printf "kafka.replicas: %d brokers run, these values make it %d. Partitions on the brokers that go would lose replicas: move them away first, then set kafka.scaleDownFrom: %d to say so" $replicas (int $kafka.replicas) $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}
