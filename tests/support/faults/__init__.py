"""A fault proxy between the operator and each of the Kubernetes API, Kafka and the registry.

``schedule`` says which request meets which fault, by a seed; ``http`` carries the faults out for the API server and a
registry, ``kafka`` for a broker; ``network`` is the event loop and the thread that they run in.
"""
