"""Garbage is looked for between keys, where the start has turned the interpreter's own search off."""

import gc
import weakref
from collections.abc import Iterator

import pytest
from driving import opened, until

from app.layers import tidying
from pipeseg.settings import Settings


class Loop:
    """What only the garbage collector takes away."""

    def __init__(self) -> None:
        self.me = self


def lost(count: int = 1000) -> list[weakref.ref[Loop]]:
    return [weakref.ref(Loop()) for _ in range(count)]


@pytest.fixture
def no_collection() -> Iterator[None]:
    """As `python -m app` starts."""
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


async def test_garbage_goes_while_no_key_is_pressed(workshop: Settings, no_collection: None) -> None:
    async with opened() as pilot:
        garbage = lost()
        await until(pilot, lambda: not any(each() for each in garbage))


async def test_no_key_waits_for_garbage(
    workshop: Settings, no_collection: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "QUIET_SECONDS", 1000.0)
    monkeypatch.setattr(tidying, "LONGEST_SECONDS", 1000.0)
    async with opened() as pilot:
        pilot.app.tidy()
        await pilot.press("4")
        garbage = lost()
        pilot.app.tidy()
        assert all(each() for each in garbage)
        # but a key that is held down for long does not keep all of it
        monkeypatch.setattr(tidying, "LONGEST_SECONDS", 0.0)
        pilot.app.tidy()
        assert not any(each() for each in garbage)


async def test_within_another_program_the_interpreter_does_it(workshop: Settings) -> None:
    async with opened() as pilot:
        assert gc.isenabled() and not gc.get_freeze_count()
        assert pilot.app.furnished
