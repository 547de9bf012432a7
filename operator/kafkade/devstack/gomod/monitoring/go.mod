// Where `kafkade.devstack` takes the CustomResourceDefinitions of the Prometheus operator from; nothing of it is built.
module kafkade.devstack/monitoring

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
