"""What is written to a resource before anything is done for it: the finalizer, or that a topic is becoming its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kafkade.api import ADMISSION_FINALIZER, FINALIZER
from kafkade.api.plan import Plan, Step
from kafkade.api.topic import DeletionPolicy
from kafkade.clients.model import NewTopic
from kafkade.topics.act import announcements, finalizer_targets, setting_announcements, taking_mark
from kafkade.topics.desired import Desired
from kafkade.topics.marks import mark_of
from kafkade.topics.steps import Adopt, AlterConfig, Create
from support.schemas import resource

RESOURCE = resource("orders", "KafkaTopic")
CREATE = Create(NewTopic("orders", 1, 1, {}))
ADOPT = Adopt("orders", "id-1")
CHANGE = AlterConfig("orders", {"retention.ms": "1"})


@pytest.mark.parametrize(
    ("policy", "steps", "finalizer", "announced"),
    [
        pytest.param(DeletionPolicy.DELETE, (CREATE,), True, False, id="Delete"),
        pytest.param(DeletionPolicy.DELETE, (), True, False, id="Delete, as declared"),
        pytest.param(DeletionPolicy.RETAIN, (), False, False, id="Retain, as declared"),
        pytest.param(DeletionPolicy.RETAIN, (CHANGE,), False, False, id="Retain, its own topic is changed"),
        pytest.param(DeletionPolicy.RETAIN, (CREATE,), False, True, id="Retain, a new topic"),
        pytest.param(DeletionPolicy.RETAIN, (ADOPT, CHANGE), False, True, id="Retain, one that is adopted"),
    ],
)
def test_what_is_written_first(
    policy: DeletionPolicy, steps: tuple[Step, ...], finalizer: bool, announced: bool
) -> None:
    works = {"orders": (RESOURCE, _desired(policy), Plan(steps))}
    assert bool(finalizer_targets(works)) is finalizer
    assert bool(announcements(works)) is announced


def test_it_is_written_once() -> None:
    known = replace(RESOURCE, status={"topicAnnounced": True})
    assert not announcements({"orders": (known, _desired(DeletionPolicy.RETAIN), Plan((CREATE,)))})
    marked = replace(RESOURCE, finalizers=(FINALIZER,))
    assert not finalizer_targets({"orders": (marked, _desired(DeletionPolicy.DELETE), Plan((CREATE,)))})


def test_the_settings_of_a_new_topic_are_recorded_in_the_same_write() -> None:
    """After a crash nobody would know whose they are, where the spec drops one meanwhile. None of a topic that is taken over."""
    wanted = _desired(DeletionPolicy.RETAIN)
    create = Plan((Create(NewTopic("orders", 1, 1, {"retention.ms": "1"})),))
    fields = {"topicAnnounced": True, "config": {"retention.ms": "1"}}
    assert announcements({"orders": (RESOURCE, wanted, create)}) == [(RESOURCE, fields)]
    known = replace(RESOURCE, status=fields)
    assert not announcements({"orders": (known, wanted, create)})
    other = Plan((Create(NewTopic("orders", 1, 1, {"segment.ms": "2"})),))
    both = {"topicAnnounced": True, "config": {"retention.ms": "1", "segment.ms": "2"}}
    assert announcements({"orders": (known, wanted, other)}) == [(known, both)], "the earlier try is in doubt"
    assert announcements({"orders": (RESOURCE, wanted, Plan((ADOPT, CHANGE)))}) == [
        (RESOURCE, {"topicAnnounced": True})
    ]
    assert not setting_announcements({"orders": (RESOURCE, wanted, create)})


@pytest.mark.parametrize("policy", list(DeletionPolicy))
def test_a_recorded_id_of_a_topic_that_is_gone_says_nothing_of_the_next_one(policy: DeletionPolicy) -> None:
    """The finalizer neither: by the record the new topic would be somebody else's after a crash."""
    known = replace(RESOURCE, status={"topicId": "id-0"}, finalizers=(FINALIZER,))
    assert announcements({"orders": (known, _desired(policy), Plan((CREATE,)))}) == [(known, {"topicAnnounced": True})]
    assert announcements({"orders": (known, _desired(policy), Plan((ADOPT, CHANGE)))}) == [(known, {"topicId": "id-1"})]
    assert not announcements({"orders": (known, _desired(policy), Plan((CHANGE,)))})


def test_the_api_servers_finalizer_is_enough_and_says_nothing_of_whose_a_topic_is() -> None:
    admitted = replace(RESOURCE, finalizers=("other.io/keep", ADMISSION_FINALIZER))
    for policy in (DeletionPolicy.DELETE, DeletionPolicy.RETAIN):
        works = {"orders": (admitted, _desired(policy), Plan((CREATE,)))}
        assert (finalizer_targets(works), announcements(works)) == ([], [(admitted, {"topicAnnounced": True})])
        assert not announcements({"orders": (admitted, _desired(policy), Plan((CHANGE,)))})
    both = replace(RESOURCE, finalizers=(ADMISSION_FINALIZER, FINALIZER))
    assert not announcements({"orders": (both, _desired(DeletionPolicy.DELETE), Plan((CREATE,)))})


def test_a_mark_of_a_topic_that_is_taken_over_names_it() -> None:
    made, taken = (taking_mark(RESOURCE, Plan((step,)), "kafka") for step in (CREATE, ADOPT))
    assert taken == f"{made}.id-1"
    recorded = replace(RESOURCE, status={"topicId": "id-1"})
    others = [
        mark_of(replace(RESOURCE, uid="u2"), "kafka"),
        mark_of(replace(RESOURCE, spec={"topicName": "o"}), "kafka"),
        mark_of(recorded, "kafka"),
        mark_of(RESOURCE, "another"),
    ]
    assert len({made, *others}) == 5


def test_a_setting_is_recorded_before_a_topic_gets_it_for_the_first_time() -> None:
    """After a crash nobody would know whose it is, where the spec drops it meanwhile. What is recorded costs no write."""
    wanted = _desired(DeletionPolicy.DELETE)
    known = replace(RESOURCE, status={"topicId": "id-1", "config": {"segment.ms": "9"}})
    found = setting_announcements({"orders": (known, wanted, Plan((CHANGE,)))})
    assert found == [(known, {"config": {"segment.ms": "9", "retention.ms": "1"}})]
    again = replace(known, status={"topicId": "id-1", "config": {"retention.ms": "9"}})
    assert not setting_announcements({"orders": (again, wanted, Plan((CHANGE,)))})
    assert not setting_announcements({"orders": (RESOURCE, wanted, Plan((ADOPT, CHANGE)))})


def _desired(policy: DeletionPolicy) -> Desired:
    return Desired("orders", None, None, 1, 1, deletion=policy)
