"""Keys in, reports out: deduped queues, micro-batches a cluster, backoff with jitter, resync, ownership.

Level-based: a key says only that a resource deserves a look; what to do follows from the resource and the facts. No Kafka
verbs in here.
"""
