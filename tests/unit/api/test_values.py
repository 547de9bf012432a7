"""When two spellings of a setting mean the same."""

from __future__ import annotations

import pytest

from kafkade.api.values import same_value


@pytest.mark.parametrize(
    ("left", "right", "unordered", "same"),
    [
        pytest.param("1", "1", False, True, id="text"),
        pytest.param("86400000", "+86400000", False, True, id="integers"),
        pytest.param("0.50", "0.5", False, True, id="floats"),
        pytest.param("9223372036854775807", "9223372036854775806", False, False, id="large integers are not rounded"),
        pytest.param("True", "true", False, True, id="booleans"),
        pytest.param("LZ4", "lz4", False, False, id="other words keep their case"),
        pytest.param("a,b", "b, a", True, True, id="sets"),
        pytest.param("a,b", "b,a", False, False, id="lists"),
        pytest.param("", "0", False, False, id="empty is not zero"),
    ],
)
def test_same_value(left: str, right: str, unordered: bool, same: bool) -> None:
    assert same_value(left, right, unordered=unordered) is same
    assert same_value(right, left, unordered=unordered) is same
