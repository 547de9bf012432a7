"""Fuzzing of everything that parses foreign bytes: a harness for each parser, and the inputs that once broke one.

``targets.py`` has the harnesses and their contracts, ``corpus/NAME/`` the inputs, which ``test_corpus.py`` replays in
`make test`. ``python -m fuzz.run`` (`make fuzz`) looks for new ones.
"""
