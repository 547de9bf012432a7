"""Why data cannot be decoded."""

from __future__ import annotations


class Undecodable(Exception):
    """The schema cannot be used, or the data does not fit it. The message says why, in a few words."""
