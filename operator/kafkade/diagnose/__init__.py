"""What may be wrong with a consumer, a producer, a topic or a cluster, and what helps.

For each of them an observer asks Kafka for facts, and checks, which are pure, make findings of them.
"""
