"""What a machine lacks for a real node is named; what of it can be installed is told apart."""

from __future__ import annotations

import sys

import pytest

from kafkade.devstack import DevStackError
from kafkade.devstack.node import cgroups, requirements


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that lacks nothing."""
    monkeypatch.delenv(cgroups.VARIABLE, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "_may_unshare", lambda: True)
    monkeypatch.setattr(requirements, "_may_make_cgroups", lambda: True)
    # what is true of this machine is not to be remembered, nor what is true of that one
    monkeypatch.setattr(requirements, "missing_rights", requirements.missing_rights.__wrapped__)


@pytest.mark.parametrize(
    ("target", "value", "named"),
    [
        ("sys.platform", "darwin", "Linux"),
        ("os.geteuid", lambda: 1000, "root"),
        ("kafkade.devstack.node.requirements._may_unshare", lambda: False, "namespaces"),
        ("kafkade.devstack.node.requirements._may_make_cgroups", lambda: False, "cgroups"),
    ],
)
def test_a_missing_right_is_named(monkeypatch: pytest.MonkeyPatch, target: str, value: object, named: str) -> None:
    assert requirements.missing_rights() == []
    monkeypatch.setattr(target, value)
    assert [words.split()[0] for words in requirements.missing_rights()] == [named]
    with pytest.raises(DevStackError, match=named):
        requirements.check()


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"containerd", "ip", "iptables", "unshare"}
    monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}" if program in there else None)
    assert requirements.missing_programs() == ["conntrack", "containernetworking-plugins", "debootstrap", "runc"]
    with pytest.raises(DevStackError, match="conntrack, containernetworking-plugins, debootstrap, runc"):
        requirements.check()
    # without apt-get nothing is tried
    with pytest.raises(DevStackError, match="not installed"):
        requirements.install()


def test_in_a_node_nothing_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv(cgroups.VARIABLE, "/somewhere")
    assert requirements.missing_rights() == []
