"""Expressions that users wrote take no more time than the text is long, and what RE2 lacks is said."""

from __future__ import annotations

import fnmatch
import time

import pytest
from pydantic import ValidationError

from kafkade.api.cluster import Naming
from kafkade.api.patterns import pattern
from kafkade.api.policy import naming_violation
from kafkade.api.redrive import KafkaDLQRedriveSpec
from kafkade.dlq.redrive.filter import Filter
from kafkade.dlq.redrive.job import Job
from kafkade.groups.series import Bounds

EVIL = ["(a+)+$", "(a|a)*$", "(a|aa)+$", "([a-zA-Z]+)*$", "(.*a){30}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){60}a{60}$"]
"""Each takes Python's own engine longer than anybody would wait, some already for thirty letters."""


def seconds(began: float) -> float:
    return time.perf_counter() - began


@pytest.mark.parametrize("text", EVIL)
def test_no_expression_of_a_naming_policy_stops_the_operator(text: str) -> None:
    began = time.perf_counter()
    assert naming_violation(Naming(pattern=text), "a" * 240 + "_") is not None
    assert seconds(began) < 1


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("field", ["errorClass", "errorMessage", "key"])
def test_no_expression_of_a_redrive_stops_the_operator(text: str, field: str) -> None:
    """It runs in a thread, but Python's own engine lets no other thread run meanwhile."""
    spec = KafkaDLQRedriveSpec.model_validate(
        {"clusterRef": {"name": "main"}, "source": {"topic": "t.dlq"}, "filter": {field: text}}
    )
    found = Filter.of(spec.filter)
    compiled = {"errorClass": found.error_class, "errorMessage": found.error_message, "key": found.key}[field]
    assert compiled is not None
    began = time.perf_counter()
    compiled.search("a" * 100_000 + "!")
    assert seconds(began) < 2


def test_no_pattern_for_headers_stops_the_operator() -> None:
    spec = KafkaDLQRedriveSpec.model_validate(
        {
            "clusterRef": {"name": "main"},
            "source": {"topic": "t.dlq"},
            "headers": {"remove": ["*a" * 100 + "!", "x-[?]", "*\nend"]},
        }
    )
    remove = Job.of(spec, "u", "t.dlq").headers.remove
    assert remove is not None
    began = time.perf_counter()
    assert not remove.fullmatch("a" * 20_000)
    assert seconds(began) < 2
    assert remove.fullmatch("x-[y]"), "brackets mean themselves"
    assert remove.fullmatch("any\nthing\nend"), "line breaks are characters like others"
    assert not remove.fullmatch("x-y")


@pytest.mark.parametrize(
    "text", ["(?=a)", r"(a)\1", "(?<!a)b", "(", "a{2000}", "(?P<n>a)(?P=n)", "((a{100}){100}){100}"]
)
def test_what_re2_does_not_have_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"by RE2, which has no look-around and no backreferences"):
        pattern(text)
    with pytest.raises(ValidationError, match="not a regular expression"):
        Naming(pattern=text)


def test_what_is_meant_is_matched() -> None:
    assert pattern(r"[a-z]+-events(\.v[0-9])?").fullmatch("user-events.v1")
    assert not pattern(r"[a-z]+-events").fullmatch("user-events.v1")
    assert pattern(r"[a-z]+-events").search("user-events.v1")
    assert pattern("é.€").search("xé1€")
    assert pattern("a?c").search("a\ud800c"), "half a character is no reason to fail"
    assert pattern("(?i)TIMEOUT|refused").search("read timeout")
    assert pattern("a") is pattern("a")


@pytest.mark.parametrize("glob", ["*a" * 124 + "!", "*" + "?*" * 120 + "b", "*" + "ab*" * 80 + "!", "*" * 249])
def test_no_pattern_with_stars_stops_the_operator(glob: str) -> None:
    """Those of policies, and of what metrics tell of: names of topics and groups are held against them."""
    began = time.perf_counter()
    for name in ("a" * 249, "ab" * 124, "a" * 248 + "b"):
        fnmatch.fnmatchcase(name, glob)
        Bounds(groups=None, topics=(glob, f"x{glob}"), most=1).wants_topic(name)
    assert seconds(began) < 2
