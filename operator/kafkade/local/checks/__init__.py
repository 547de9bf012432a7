"""What can be said of manifests without a Kafka, a registry or a Kubernetes API: each module has checks of one sort. Pure."""
