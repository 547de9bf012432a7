"""What benchmarks and suites measured: they write it themselves, and docs/results.md is made of nothing else.

A benchmark builds a ``Result`` and gives it to ``record``, when it was called with ``--record``; in a test the fixture
``record_result`` does it. docs/results/NAME.json is then written, and the page and its plots are made anew.
"""

from .model import Line, Plot, Result, Row, Section, Table, median, result_of, text_of
from .record import add_option, record
from .site import FOLDER, PAGE, found, pages

__all__ = (
    "FOLDER",
    "PAGE",
    "Line",
    "Plot",
    "Result",
    "Row",
    "Section",
    "Table",
    "add_option",
    "found",
    "median",
    "pages",
    "record",
    "result_of",
    "text_of",
)
