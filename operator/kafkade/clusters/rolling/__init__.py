"""Roll the pods of brokers and controllers, one at a time: observe → plan → act → status.

Nothing is remembered between two looks but that a roll is on (status.rolling): what to do is derived from what is seen, so
an operator that dies at any point goes on where it was.
"""
