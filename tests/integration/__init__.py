"""On real parts.

A package, and so is each folder in which a fixture has ``scope="package"``: pytest ends such a fixture with the folder's last
test only where the folder has an ``__init__.py``, and keeps it to the end of the run elsewhere, Kafka and all.
"""
