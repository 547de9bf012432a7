"""The resources' types, defaults, CEL rules, condition reasons and the error tree. No I/O in here."""

GROUP = "kafkade.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

FINALIZER = f"{GROUP}/finalizer"
"""On a resource whose deletion must do something outside Kubernetes; also the mark that kafkade decided to own it."""

ADMISSION_FINALIZER = f"{GROUP}/admission"
"""Put on a KafkaTopic by the API server itself as it is created (a MutatingAdmissionPolicy), which saves kafkade a write.

It keeps the resource as FINALIZER does, and says nothing of whose a topic is: kafkade had not seen the resource yet."""

FINALIZERS = (FINALIZER, ADMISSION_FINALIZER)
"""Those that kafkade takes off."""

ANNOTATION_TAKING = f"{GROUP}/taking"
"""On a KafkaCluster, by kafkade: marks of the resources whose topics it is making or taking over at this moment."""

ANNOTATION_RECONCILE_NOW = f"{GROUP}/reconcile-now"
"""Any new value asks for a reconcile at once."""

ANNOTATION_DELETION_PROTECTION = f"{GROUP}/deletion-protection"
""""true" refuses deletion, in the API server (ValidatingAdmissionPolicy) and again in the operator."""
