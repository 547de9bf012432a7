{{- /* Made by helm/generate.py of deploy/rbac/namespaced.yaml; change that instead. */ -}}
{{- define "kafkade.operator.rules" -}}
# the resources themselves; patch for kafkade's finalizer: a spec that somebody wrote is never written
- apiGroups: ["kafkade.io"]
  resources:
    - kafkaclusters
    - kafkatopics
    - kafkaschemas
    - kafkadlqpolicies
    - kafkadlqredrives
    - kafkaservicebindings
  verbs: ["get", "list", "watch", "patch"]
- apiGroups: ["kafkade.io"]
  resources:
    - kafkaclusters/status
    - kafkatopics/status
    - kafkaschemas/status
    - kafkadlqpolicies/status
    - kafkadlqredrives/status
    - kafkaservicebindings/status
  verbs: ["patch"]
# redrives whose ttlSecondsAfterFinished has passed
- apiGroups: ["kafkade.io"]
  resources: ["kafkadlqredrives"]
  verbs: ["delete"]
# the KafkaTopics of dead-letter and retry topics, and the ConfigMap of a policy that applications mount
- apiGroups: ["kafkade.io"]
  resources: ["kafkatopics"]
  verbs: ["create", "delete"]
- apiGroups: [""]
  resources: ["configmaps"]
  verbs: ["create", "patch", "delete"]
# credentials and schema texts that specs refer to; Secrets are read one by one by name, never all of a namespace
- apiGroups: [""]
  resources: ["secrets", "configmaps"]
  verbs: ["get", "list", "watch"]
- apiGroups: [""]
  resources: ["events"]
  verbs: ["create"]
{{- end -}}
