"""Colours that can be read: themes, terminals with few colours or none."""

import itertools
from collections.abc import Callable

import pytest
from driving import NARROW, opened, until
from rich.style import Style
from textual.color import Color

from app.contrast import Colourless, contrast, raised
from app.terminal import has_colours
from app.theme import CONTRAST, THEMES
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

TEXT = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")
GROUNDS = ("background", "panel")


def test_contrast_is_counted_as_the_guideline_says() -> None:
    black, white = Color.parse("#000000"), Color.parse("#ffffff")
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(white, white) == pytest.approx(1)
    assert contrast(Color.parse("#767676"), white) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_and_states_stand_out_in_every_theme(theme: object) -> None:
    for text, ground in itertools.product(TEXT, GROUNDS):
        ratio = contrast(Color.parse(getattr(theme, text)), Color.parse(getattr(theme, ground)))
        assert ratio >= CONTRAST[theme.name], f"{text} on {ground}: {ratio:.2f}"  # type: ignore[attr-defined]
    cursor = [Color.parse(theme.variables[f"block-cursor-{part}"]) for part in ("foreground", "background")]  # type: ignore[attr-defined]
    assert contrast(*cursor) >= CONTRAST[theme.name]  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
async def test_every_word_on_the_screen_can_be_read(
    workshop: Settings, add_run: Callable[..., RunDirectory], theme: object
) -> None:
    """Also what a pane draws fainter: muted words, and words under the cursor."""
    add_run("toy")
    add_run("nested/inner", status="failed")
    least = CONTRAST[theme.name]  # type: ignore[attr-defined]
    async with opened() as pilot:
        app = pilot.app
        app.theme = theme.name  # type: ignore[attr-defined]
        for pane in ("overview", "config", "runs", "data"):
            app.action_show(pane)
            await until(pilot, lambda pane=pane: app.query_one("#panes").current == pane)
            await pilot.pause()
            words = [
                (segment.text, contrast(*map(Color.from_rich_color, (segment.style.color, segment.style.bgcolor))))
                for strip in app.screen._compositor.render_strips()
                for segment in strip
                if segment.style and segment.style.color and segment.style.bgcolor and not segment.style.reverse
                if any(map(str.isalnum, segment.text))
            ]
            assert len(words) > 20
            # colours are whole numbers: mixing them is exact to about a hundredth
            assert [word for word in words if word[1] < least - 0.02] == []


def test_lines_of_charts_stay_faint_and_words_do_not() -> None:
    faint = Style.parse("#333333 on #12151b")
    background = Color.parse("#12151b")
    assert raised(faint, background, 4.5) != faint
    assert raised(Style.parse("#ffffff on #12151b"), background, 4.5) == Style.parse("#ffffff on #12151b")


@pytest.mark.slow
async def test_the_key_goes_round_the_colours_and_they_are_remembered(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        seen = []
        for _ in range(4):
            seen.append(pilot.app.theme)
            before = pilot.app.theme
            await pilot.press("ctrl+t")
            await until(pilot, lambda before=before: pilot.app.theme != before)
        assert seen == ["pipeseg", "pipeseg-light", "pipeseg-contrast", "pipeseg"]
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)
    async with opened(NARROW) as pilot:
        assert pilot.app.theme == "pipeseg-light"


def test_without_colours_the_cursor_is_reversed() -> None:
    filter = Colourless(frozenset({"#12151b"}))
    styles = ("#ffffff on #12151b", "bold #ffffff on #2c4657")
    plain, cursor = (filter._plain(Style.parse(style)) for style in styles)
    assert not plain.reverse and cursor.reverse and cursor.bold
    assert plain.color.is_default and cursor.bgcolor.is_default  # type: ignore[union-attr]


@pytest.mark.parametrize(("term", "colours"), [("dumb", False), ("", True), ("no-such-terminal", True)])
def test_terminals_say_whether_they_have_colours(term: str, colours: bool) -> None:
    assert has_colours({"TERM": term}) is colours
