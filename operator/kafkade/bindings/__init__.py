"""KafkaServiceBindings: the Secret that a service mounts, its user in Kafka, and just the ACLs that it needs.

``wanted.py`` finds out what a spec means, ``render*.py`` make the Secret's files, ``access.py`` plans ACLs and users: all pure.
``reconcile.py`` carries it out. It stands above ``dlq``, whose names and policy.json it uses.
"""
