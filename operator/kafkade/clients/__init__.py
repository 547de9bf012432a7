"""The only files that import confluent_kafka, kafka-python, or an HTTP or Kubernetes client.

Foreign errors are mapped to kafkade's own here, once, chained with ``from``. No decisions in here.
"""
