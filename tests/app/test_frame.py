"""What holds everywhere: memory, jump mode, help, palette, small terminals."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import NARROW, WIDE, choose, opened, screen_text, until
from rich.style import Style
from textual.command import CommandList, CommandPalette
from textual.events import Click
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets._toast import Toast

from app import language
from app.actions import ACTIONS
from app.memory import Memory, memory_of
from app.notice import Notice
from app.screens.confirm import Confirm
from app.screens.jump import Jump
from app.screens.too_small import TooSmall
from app.theme import THEMES
from app.widgets.drawn import Drawn
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings


async def close(pilot: object) -> None:
    await pilot.press("q")  # type: ignore[attr-defined]
    await until(pilot, lambda: not pilot.app.is_running)  # type: ignore[arg-type,attr-defined]


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_next_start_opens_where_the_last_one_ended(workshop: Settings, size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        other = next(name for name in ("nested/inner", "toy") if name != pilot.app.selected)
        await choose(pilot, other)
        await pilot.press("7")
        await until(pilot, lambda: pilot.app.place == "data")
        await close(pilot)
    async with opened(size) as pilot:
        assert pilot.app.selected == other
        await until(pilot, lambda: pilot.app.place == "data" and pilot.app.datasets is not None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        "{half",
        "[]",
        '{"charts": {"metrics": 3, "axis": [], "weight": "x", "overlays": [7, "gone"]}}',
        '{"pane": 7, "experiment": {}, "theme": "no"}',
        "\udcff",
        "[" * 9999,
    ],
)
async def test_a_damaged_memory_is_a_fresh_start(workshop: Settings, content: str) -> None:
    file = memory_of(workshop.runs_dir).file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode(errors="surrogateescape"))
    async with opened(NARROW) as pilot:
        assert pilot.app.selected and pilot.app.theme == "pipeseg" and pilot.app.place == "experiments"


def test_memory_keeps_what_was_put(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "deep" / "memory.json")
    memory.save()
    assert not memory.file.exists()  # nothing to say
    memory.put("smoothing", 0.6)
    memory.put("nothing", None)
    memory.save()
    again = Memory(memory.file)
    assert again.get("smoothing", 0.0) == 0.6 and again.get("smoothing", "text") == "text"
    assert again.get("missing", 3) == 3 and again.get("nothing") is None
    assert json.loads(memory.file.read_text()) == {"smoothing": 0.6, "nothing": None}
    assert [path.name for path in memory.file.parent.iterdir()] == ["memory.json"]


def test_memory_is_of_one_workshop(workshop: Settings) -> None:
    assert memory_of(workshop.runs_dir).file != memory_of(workshop.datasets_dir).file


async def test_a_letter_jumps_to_its_place(workshop: Settings, add_run: Callable[..., RunDirectory]) -> None:
    add_run("toy")
    async with opened() as pilot:
        app = pilot.app
        await pilot.press("4")
        await until(pilot, lambda: app.pane == "live")
        for wanted in ("live-log", "left-list"):
            await pilot.press("ctrl+o")
            await until(pilot, lambda: isinstance(app.screen, Jump) and app.screen.is_mounted)
            jump, region = app.screen, app.screen_stack[0].query_one(f"#{wanted}").region
            letter = next(letter for letter, target in jump.by_letter.items() if target.at == region.offset)
            await until(pilot, lambda letter=letter: f" {letter} " in screen_text(app))
            await pilot.press(letter)
            await until(pilot, lambda wanted=wanted: app.focused and app.focused.id == wanted)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        # the panes of the title come first: the fifth is Runs
        await pilot.press(list(app.screen.by_letter)[4])
        await until(pilot, lambda: app.pane == "runs")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.pane == "runs"


async def test_help_tells_first_what_works_here(workshop: Settings, add_run: Callable[..., RunDirectory]) -> None:
    add_run("toy")
    async with opened() as pilot:
        app = pilot.app
        await pilot.press("7")
        await until(pilot, lambda: app.pane == "data")
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        options = app.screen.query_one("#help-list", OptionList)
        prompts = [str(option.prompt) for option in options.options]
        assert "Here" in prompts[0] and "Pictures" in prompts[1]
        assert {option.id for option in options.options if option.id} == {action.name for action in ACTIONS}
        # a key that is typed stands first, whatever else has that letter
        await pilot.press("v")
        await until(pilot, lambda: options.get_option_at_index(0).id == "verify")
        app.screen.query_one(Input).value = "without a screen nothing matches"
        await until(pilot, lambda: not options.option_count)
        app.screen.query_one(Input).value = "every run newest"
        await until(pilot, lambda: options.highlighted_option and options.highlighted_option.id == "show('runs')")
        assert "python -m experiments runs" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.pane == "runs")


@pytest.mark.slow
async def test_help_goes_to_the_pane_of_what_does_not_work_here(workshop: Settings) -> None:
    async with opened() as pilot:
        app = pilot.app
        await pilot.press("3")
        await until(pilot, lambda: app.pane == "config")
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert "Here" in screen_text(app)
        await pilot.press(*"nothing is deleted")
        options = app.screen.query_one("#help-list", OptionList)
        await until(pilot, lambda: options.highlighted_option and options.highlighted_option.id == "archive")
        assert "On other panes" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.place == "runs")


async def test_help_is_searched_in_both_languages(workshop: Settings) -> None:
    language.choose("ru")
    try:
        async with opened(NARROW) as pilot:
            for text in ("все клавиши, что работают здесь, с поиском", "every key that works here"):
                await pilot.press("f1")
                await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
                pilot.app.screen.query_one(Input).value = text
                options = pilot.app.screen.query_one("#help-list", OptionList)
                await until(pilot, lambda options=options: [o.id for o in options.options if o.id] == ["help"])
                await pilot.press("escape")
                await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
    finally:
        language.choose("en")


async def test_the_palette_offers_what_works_here_and_now(workshop: Settings) -> None:
    async with opened() as pilot:
        app = pilot.app
        await pilot.press("2")
        await until(pilot, lambda: app.pane == "overview")
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert titles[0] == "Launch (l)" and {"All colours", "Screenshot", "Jump (Ctrl+O)"} <= set(titles)
        assert not any(title.startswith("Pause") for title in titles)  # there is no run
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        commands = app.screen.query_one(CommandList)
        await until(pilot, lambda: commands.option_count >= len(titles))
        assert "Launch (l)" in str(commands.get_option_at_index(0).prompt)


async def test_a_picture_of_the_screen_is_saved_and_its_path_told(workshop: Settings) -> None:
    async with opened() as pilot:
        pilot.app.save_picture_of_screen()
        notes = lambda: [str(note.message) for note in pilot.app._notifications]  # noqa: E731
        await until(pilot, lambda: any(note.startswith("saved ") for note in notes()))
        path = Path(next(note for note in notes() if note.startswith("saved ")).removeprefix("saved "))
        assert "<svg" in path.read_text(encoding="utf-8")


async def test_a_terminal_that_is_too_small_says_what_it_needs(workshop: Settings) -> None:
    async with opened((50, 12)) as pilot:
        app = pilot.app
        await until(pilot, lambda: "needs 60x16, has 50x12" in screen_text(app))
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: not isinstance(app.screen, TooSmall) and "? Help" in screen_text(app))
        # over a dialog as well, which is still there afterwards
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.resize_terminal(20, 5)
        await until(pilot, lambda: isinstance(app.screen, TooSmall))
        await pilot.resize_terminal(300, 80)
        await until(pilot, lambda: len(app.screen_stack) == 2 and not isinstance(app.screen, TooSmall))


async def test_a_notice_whose_time_passed_before_it_is_shown_goes_away(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        late = Notice("too late", timeout=-1)
        assert late.has_expired and late.time_left > 0
        await pilot.app.mount(Toast(late))
        await until(pilot, lambda: not pilot.app.query(Toast))


@pytest.mark.slow
async def test_the_palette_is_left_while_it_gathers(workshop: Settings) -> None:
    """Textual's own ends the app when its list is gone before it has its commands."""
    async with opened(NARROW) as pilot:
        for _ in range(20):
            pilot.app.action_command_palette()
            await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
            pilot.app.screen._gather_commands("")
            pilot.app.pop_screen()
            await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
            assert pilot.app.is_running


async def test_a_dialog_under_another_closes_neither(workshop: Settings) -> None:
    async with opened(WIDE) as pilot:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, Jump))
        below = pilot.app.screen
        pilot.app.ask("Sure?", [("y", "yes")], lambda key: None)
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        below.dismiss()
        await pilot.pause()
        assert isinstance(pilot.app.screen, Confirm) and below in pilot.app.screen_stack
        await pilot.press("y", "x")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def test_two_enters_of_one_paste_choose_once(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        pilot.app.action_command_palette()
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        palette = pilot.app.screen
        await until(pilot, lambda: any(found.option_count for found in palette.query(CommandList)))
        commands = palette.query_one(CommandList)
        titles = [str(option.prompt) for option in commands.options]
        commands.highlighted = next(place for place, title in enumerate(titles) if title.startswith("Colours"))
        palette._select_or_command()
        palette._select_or_command()
        await until(pilot, lambda: palette not in pilot.app.screen_stack)
        await until(pilot, lambda: pilot.app.theme != THEMES[0].name)
        await pilot.pause()
        assert pilot.app.theme == THEMES[1].name


async def test_a_click_on_an_option_that_has_gone_chooses_nothing(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        pilot.app.action_command_palette()
        await until(pilot, lambda: any(found.option_count for found in pilot.app.screen.query(CommandList)))
        commands = pilot.app.screen.query_one(CommandList)
        gone = Style(meta={"option": commands.option_count})
        x, y = commands.region.offset
        commands.post_message(Click(commands, 1, 1, 0, 0, 1, False, False, False, x + 1, y + 1, style=gone))
        await pilot.pause()
        assert pilot.app.is_running and isinstance(pilot.app.screen, CommandPalette)


async def test_an_empty_list_has_no_page_to_turn(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        pilot.app.action_command_palette()
        await until(pilot, lambda: pilot.app.screen.query(CommandList))
        commands = pilot.app.screen.query_one(CommandList)
        commands.clear_options()
        for _ in range(2):
            commands.action_page_down()
            commands.action_page_up()
        assert commands.highlighted is None


async def test_a_widget_that_goes_under_the_mouse_has_no_text_to_select(workshop: Settings) -> None:
    async with opened(WIDE) as pilot:
        screen = pilot.app.screen
        short = Static("goes away at once")
        await screen.mount(short)
        await until(pilot, lambda: short.region.width)
        x, y = short.region.offset
        assert screen.get_widget_and_offset_at(x, y)[0] is short
        short._detach()  # the first thing that happens when it is removed; the screen is laid out after that
        assert screen.get_widget_and_offset_at(x, y) == (None, None)
        await pilot.mouse_down(offset=(x, y))
        await pilot.mouse_up(offset=(x, y))
        short._attach(screen)  # to be taken down with the others


async def test_other_colours_reach_every_widget_that_draws_its_own_lines(workshop: Settings) -> None:
    async with opened(WIDE) as pilot:
        drawn = [widget for widget in pilot.app.screen.query("*") if isinstance(widget, Drawn)]
        before = {widget: widget.rich_style for widget in drawn}
        pilot.app.theme = "pipeseg-light"
        await until(pilot, lambda: all(widget.rich_style != before[widget] for widget in drawn))
        own = Widget.rich_style.fget
        assert len(drawn) > 5 and all(widget.rich_style == own(widget) for widget in drawn)
