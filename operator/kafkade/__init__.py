"""kafkade: Kafka, declared.

A Kubernetes operator that keeps Kafka clusters, topics, schemas and dead-letter queues as custom resources declare them.

Layers, top to bottom; a package imports only from packages below it (import-linter holds this in ``make check``):

``handlers`` Kopf events to keys · ``cli`` the terminal · ``engine`` queue, batches, backoff, resync, ownership ·
``topics`` ``schemas`` ``clusters`` one folder per kind (observe, plan, act, status) · ``clients`` the only users of Kafka,
HTTP and Kubernetes libraries · ``api`` types, defaults, reasons, errors. ``devstack`` stands alone: the real Kafka,
registry and Kubernetes API that the demo and the tests run on.
"""

__version__ = "0.1.0"
