"""Numbers the sessions of users: a session ends with a gap in time."""

from math import floor
from typing import Literal

from sluicegate import BadData, Filter, Invalid, Transform, View, export, int64, integers, required, text, utf8

PER_MINUTE = {"s": 60, "ms": 60_000, "us": 60_000_000, "ns": 60_000_000_000}
#: No gap comes near the end of 64 bits.
TICKS_MAX = 2**62

times = View("a timestamp or int64", lambda type: type.is_timestamp or type == int64)


@export
class Sessionize(Transform):
    """Keeps the last session of every user that it saw."""

    class Params:
        #: The column that tells users apart, text or integers.
        user: str = "user"
        #: The column of event times, timestamps or integers.
        time: str = "time"
        #: What an integer time counts.
        time_unit: Literal["s", "ms", "us", "ns"] = "s"
        #: A longer pause than this starts a new session.
        gap_minutes: float = 30.0

    def bind(self, plan, params):
        user_type, time_type = plan.field(params.user).type, plan.field(params.time).type
        self.user = plan.read(params.user, integers if user_type.is_integer else text)
        self.time = plan.read(params.time, times)
        plan.pass_all()
        plan.compute("session_id", required(utf8))
        plan.compute("session_start", required(time_type))
        self.gap = ticks(params.gap_minutes, time_type.unit or params.time_unit)
        #: Number, start and last time of each user's session.
        self.sessions = {}

    def process(self, batch, out):
        ids, starts, kept = [], [], bytearray()
        for row, (user, time) in enumerate(zip(batch[self.user], batch[self.time])):
            kept.append(user is not None and time is not None)
            if kept[row]:
                number, start = self.session(row, str(user), time)
                ids.append(f"{user}-{number}")
                starts.append(start)
            else:
                out.reject(row, f"the {'user' if user is None else 'time'} is null")
        out.filter(Filter(kept), session_id=ids, session_start=starts)

    def session(self, row, user, time):
        """The number and the start of the session of a user at a time."""
        number, start, last = self.sessions.get(user, (0, time, None))
        if last is None or time - last > self.gap:
            number, start = number + 1, time
        elif time < last:
            raise BadData(
                f"row {row} of the batch: the time of user `{user}` goes back from {last} to {time}; "
                "set `partition_by` to the user and `order_by` to the time in this step"
            )
        self.sessions[user] = number, start, time
        return number, start


def ticks(minutes, unit):
    """So many minutes in this unit, rounded down."""
    count = minutes * PER_MINUTE[unit]
    if not (minutes > 0 and count <= TICKS_MAX):
        raise Invalid(f"parameter `gap_minutes` of {minutes:g} is out of range")
    return floor(count)
