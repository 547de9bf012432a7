"""The resources' types, defaults, CEL rules, condition reasons and the error tree. No I/O in here."""

GROUP = "kafkade.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

FINALIZER = f"{GROUP}/finalizer"
"""On a resource whose deletion must do something outside Kubernetes; also the mark that kafkade decided to own it."""

ANNOTATION_RECONCILE_NOW = f"{GROUP}/reconcile-now"
"""Any new value asks for a reconcile at once."""

ANNOTATION_DELETION_PROTECTION = f"{GROUP}/deletion-protection"
""""true" refuses deletion, in the API server (ValidatingAdmissionPolicy) and again in the operator."""
