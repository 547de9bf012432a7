"""Transitions of specs, generated from the kinds' own schemas, and oracles for what they come to.

The idea is Acto's (SOSP '23): what an operator makes of a change must be what it makes of a fresh install of the same spec.
``fields.py`` reads the fields from the CRDs, ``values.py`` has values for each, ``specs.py`` puts them into specs, ``world.py``
applies them, ``oracle.py`` says what must hold.
"""
