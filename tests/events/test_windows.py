"""How many attempts may be in flight: fewer while a turn of the event loop takes long."""

from uuid import UUID, uuid4

from quixess.events import windows
from quixess.events.outward import Answer
from quixess.events.windows import FEWEST_PLACES, MOST_PLACES, Windows

LONG_S, SHORT_S = 2 * windows._LONG_TURN_S, windows._LONG_TURN_S / 4
WELL = Answer(200, None, 3)


def _fill(found: Windows) -> UUID:
    """Give an endpoint that always answers all the places it can get."""
    endpoint = uuid4()
    for _ in range(300):
        found.of(endpoint).learn(WELL)
    while found.room(endpoint):
        found.take(endpoint)
    return endpoint


def test_long_turns_leave_fewer_places_and_never_too_few():
    calm, busy = Windows(), Windows()
    for _ in range(100):
        busy.note_turn(LONG_S)

    assert (calm.places, busy.places) == (MOST_PLACES, FEWEST_PLACES)
    _fill(calm)
    _fill(busy)
    assert busy.taken < calm.taken / 3


def test_short_turns_bring_the_places_back_and_no_more():
    found = Windows()
    for _ in range(100):
        found.note_turn(LONG_S)
    for _ in range(100):
        found.note_turn(SHORT_S)

    assert found.places == MOST_PLACES


def test_a_turn_between_the_two_changes_nothing():
    found = Windows()
    found.note_turn(LONG_S)
    before = found.places
    found.note_turn(0.75 * windows._LONG_TURN_S)

    assert found.places == before < MOST_PLACES


def test_attempts_that_are_under_way_when_places_go_are_waited_for():
    found = Windows()
    flooding, other = _fill(found), uuid4()
    for _ in range(100):
        found.note_turn(LONG_S)

    assert found.room(flooding) == 0
    assert found.room(other) == windows.FIRST
