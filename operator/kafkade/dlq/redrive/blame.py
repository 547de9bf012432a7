"""What is learned from aborted transactions: which record is to blame, found by ever smaller transactions. Pure."""

from __future__ import annotations

from kafkade.api.errors import Aborted
from kafkade.dlq.redrive.decide import FailReason

MOST_RECORDS = 20_000
"""Records of a transaction, moved or not."""

MOST_ABORTS = 5
"""Aborted transactions in a row, none of them for a record's sake, before it is left to the caller to try later."""

_REFUSED = {
    -190: FailReason.UNKNOWN_TOPIC,  # librdkafka's _UNKNOWN_PARTITION
    -188: FailReason.UNKNOWN_TOPIC,  # librdkafka's _UNKNOWN_TOPIC: deleted meanwhile
    2: FailReason.UNREADABLE,  # CORRUPT_MESSAGE
    3: FailReason.UNKNOWN_TOPIC,  # UNKNOWN_TOPIC_OR_PARTITION
    10: FailReason.TOO_LARGE,  # MESSAGE_TOO_LARGE
    17: FailReason.NOT_ALLOWED,  # INVALID_TOPIC_EXCEPTION: an internal topic
    18: FailReason.TOO_LARGE,  # RECORD_LIST_TOO_LARGE
    29: FailReason.NOT_AUTHORIZED,  # TOPIC_AUTHORIZATION_FAILED
    32: FailReason.UNREADABLE,  # INVALID_TIMESTAMP
    44: FailReason.UNREADABLE,  # POLICY_VIOLATION
    87: FailReason.UNREADABLE,  # INVALID_RECORD
}
"""The protocol's error codes that speak of a record or of its topic, not of the transaction."""


class Blame:
    """``limit``: records that the next transaction may have. ``refused``: why, by partition and offset."""

    def __init__(self) -> None:
        self.limit = MOST_RECORDS
        self.refused: dict[tuple[int, int], FailReason] = {}
        self.pause = 0.0
        """Seconds to wait before the next try."""
        self._aborts = 0

    def committed(self) -> None:
        """A transaction went well: the next may be larger again."""
        self.limit = min(MOST_RECORDS, self.limit * 2)
        self._aborts = 0

    def aborted(self, error: Aborted, moved: int, last: tuple[int, int]) -> FailReason | None:
        """Take in an aborted transaction that moved so many records, ``last`` (partition, offset) the last of them.

        Returns why a record of it was refused, if it was that; with a single record, that one is refused from now on.

        Raises:
            Aborted: the error, after several in a row that were no record's fault.
        """
        reason = _REFUSED.get(error.code)
        if reason is None or moved == 0:
            self._aborts += 1
            if self._aborts > MOST_ABORTS:
                raise error
            self.pause = 0.2 * self._aborts
            return None
        if moved == 1:
            self.refused[last] = reason
        self.limit = max(1, moved // 4)
        return reason
