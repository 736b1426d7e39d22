"""The datasets at the keyboard: table, audits that go on by themselves, pictures with everything known about them."""

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from driving import NARROW, WIDE, opened, screen_text, text_of, until
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from app.action import key_table
from app.picture_actions import KEY_BAR, PICTURE_ACTIONS
from app.screens.next_masks import NextMasks
from app.screens.pictures import PictureScreen
from app.widgets.grid import Grid
from app.widgets.picture_view import PictureView
from experiments import dataset_jobs
from experiments.dataset_jobs import last_job
from pipeseg.settings import ROOT, Settings

BOXES = "filename,defect_class,x_min,y_min,x_max,y_max\n"
VIA = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
TRIANGLE = '"{""name"": ""polygon"", ""all_points_x"": [4, 40, 4], ""all_points_y"": [4, 4, 40]}"'
# an audit as it looks from outside: progress on stderr, a report at its end, an end when it is asked
WORK = """
import json, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.default_int_handler)
print("auditing pipes: 3 of 12, about 9 s left", file=sys.stderr, flush=True)
report, go = map(pathlib.Path, sys.argv[1:])
try:
    while not go.exists():
        time.sleep(0.02)
except KeyboardInterrupt:
    sys.exit(130)
box = {"file": "p1.png", "defect_class": "obstacle", "box": [0, 0, 50, 50], "reason": "empty: nothing there"}
found = {"duplicate_groups": [["p0.png", "p2.png"]], "suspect_boxes": [box], "unreadable": [], "class_counts": {}}
report.write_text(json.dumps(found))
"""


def add_pictures(folder: Path, count: int = 4) -> Path:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for index in range(count):
        Image.new("RGB", (64, 48), (40 + 20 * index, 90, 120)).save(folder / "images" / f"p{index}.png")
        mask = Image.new("L", (64, 48))
        mask.paste(255, (32, 0, 64, 48))
        mask.save(folder / "masks" / f"p{index}.png")
    return folder


@pytest.fixture
def pipes(workshop: Settings) -> Path:
    """A source with two classes and a set made from it, beside the workshop's three without content."""
    folder = add_pictures(workshop.datasets_dir / "pipes")
    (folder / "boxes.csv").write_text(BOXES + "p0.png,deposition,4,4,30,30\np1.png,obstacle,0,0,50,40\n")
    attributes = '"{""defect_class"": ""deposition""}"'
    (folder / "labels.csv").write_text(f"{VIA}p0.png,0,{{}},1,0,{TRIANGLE},{attributes}\n")
    facts = {"classes": {"deposition": "Отложения", "obstacle": "Препятствие"}, "seed": 5, "fingerprint": "ab" * 32}
    (folder / "dataset.json").write_text(json.dumps({**facts, "problems": [{"file": "p3.png", "reason": "too odd"}]}))
    made = add_pictures(workshop.datasets_dir / "pipes_deposition_EVAL", 2)
    facts = {"source": "pipes", "set": "test", "defect_class": "deposition", "splits": {"test": ["p0.png", "p1.png"]}}
    (made / "dataset.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture
def slow_audit(pipes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Audits wait for the file that this returns."""
    program, go = tmp_path / "audit.py", tmp_path / "go"
    program.write_text(WORK)
    report = pipes.parent / ".audits" / "pipes.json"
    command = [sys.executable, str(program), str(report), str(go)]
    monkeypatch.setattr(dataset_jobs, "command", lambda settings, name, kind, options=(): command)
    return go


async def select(pilot: Pilot, name: str) -> None:
    """Go to the Data pane and put the cursor on a dataset, by keys."""
    grid = pilot.app.query_one("#data-grid", Grid)
    await pilot.press("7")
    await until(pilot, lambda: grid.rows and grid.has_focus)
    await pilot.press("home", *["down"] * [row.key for row in grid.rows].index(name))
    await until(pilot, lambda: grid.cursor_key == name and text_of(pilot.app, "#data-detail").startswith(name))


async def look(pilot: Pilot, name: str) -> PictureScreen:
    """Open the pictures of a dataset and wait for the first."""
    await select(pilot, name)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, PictureScreen))
    screen = pilot.app.screen
    await until(pilot, lambda: shown(screen))
    return screen


def shown(screen: PictureScreen) -> str | None:
    """The picture on the screen, once it is the one that is wanted."""
    return screen.name_shown if screen.name_shown == screen.current and not screen._wanted.is_set() else None


def picture(screen: PictureScreen) -> list[object]:
    return [list(strip) for strip in screen.query_one(PictureView).strips]


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_table_shows_every_dataset_and_the_detail_all_about_one(pipes: Path, size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        app = pilot.app
        await select(pilot, "pipes")
        text = screen_text(app)
        assert "└ pipes_deposition_EVAL" in text and "source" in text and "○ not audited" in text
        assert max(len(line.rstrip()) for line in text.splitlines()) <= size[0]
        detail = text_of(app, "#data-detail")
        assert all(part in detail for part in ("seed 5", "fingerprint abababababab", "1 odd thing", "too odd"))
        line = next(line for line in detail.splitlines() if line.startswith("obstacle"))
        assert re.search(r"\b1\b.*\b1\b", line)
        assert "a starts one" in detail
        assert all(part in text for part in ("i Pictures", "a Audit", "v Verify", "s Stop", "? Help"))
        await pilot.press("down")
        await until(pilot, lambda: "splits    test 2" in text_of(app, "#data-detail"))


async def test_a_broken_dataset_says_why(pipes: Path, workshop: Settings) -> None:
    (workshop.datasets_dir / "torn").mkdir()
    async with opened() as pilot:
        await select(pilot, "torn")
        assert "✗ broken" in screen_text(pilot.app)
        assert "holds no images/ folder" in text_of(pilot.app, "#data-detail")
        await pilot.press("enter")
        await until(pilot, lambda: any("holds no images/" in str(note.message) for note in pilot.app._notifications))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_without_datasets_the_pane_says_what_to_run(workshop: Settings, size: tuple[int, int]) -> None:
    import shutil

    shutil.rmtree(workshop.datasets_dir)
    async with opened(size) as pilot:
        await pilot.press("7")
        await until(pilot, lambda: "make sample" in screen_text(pilot.app))
        assert "import_dataset.py FOLDER" in screen_text(pilot.app)
        await pilot.press("a", "enter", "i")
        await until(pilot, lambda: "no dataset is selected" in screen_text(pilot.app))


@pytest.mark.slow
async def test_an_audit_goes_on_without_the_dashboard_and_its_report_is_shown(slow_audit: Path) -> None:
    async with opened() as pilot:
        await select(pilot, "pipes")
        await pilot.press("a")
        await until(pilot, lambda: "3 of 12, about 9 s left" in text_of(pilot.app, "#data-detail"))
        assert "● auditing" in screen_text(pilot.app) and "━━━━━━" in text_of(pilot.app, "#data-detail")
        await pilot.press("a")  # it works already
        await until(pilot, lambda: any("is running already" in str(note.message) for note in pilot.app._notifications))
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)
    async with opened() as pilot:
        await select(pilot, "pipes")
        await until(pilot, lambda: "3 of 12" in text_of(pilot.app, "#data-detail"))
        slow_audit.touch()
        await until(pilot, lambda: "! 1 suspect" in screen_text(pilot.app))
        detail = text_of(pilot.app, "#data-detail")
        assert "p1.png obstacle  empty: nothing there" in detail and "p0.png, p2.png" in detail
        await until(pilot, lambda: any("audit finished" in str(note.message) for note in pilot.app._notifications))


async def test_an_audit_is_stopped_after_asking(slow_audit: Path, workshop: Settings) -> None:
    async with opened() as pilot:
        await select(pilot, "pipes")
        await pilot.press("s")
        await until(pilot, lambda: any("nothing is running" in str(note.message) for note in pilot.app._notifications))
        await pilot.press("a")
        await until(pilot, lambda: "3 of 12" in text_of(pilot.app, "#data-detail"))
        await pilot.press("s")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("n")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert last_job(workshop, "pipes", "audit").is_active
        await pilot.press("s")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: "■ audit stopped" in text_of(pilot.app, "#data-detail"))
        assert "○ not audited" in screen_text(pilot.app)


async def test_a_report_of_a_dataset_that_has_changed_is_marked(slow_audit: Path, pipes: Path) -> None:
    slow_audit.touch()
    async with opened() as pilot:
        await select(pilot, "pipes")
        await pilot.press("a")
        await until(pilot, lambda: "! 1 suspect" in screen_text(pilot.app))
        assert "stale" not in screen_text(pilot.app)
        later = (pipes.parent / ".audits" / "pipes.json").stat().st_mtime + 60
        os.utime(pipes / "boxes.csv", (later, later))
        await until(pilot, lambda: "! 1 suspect, stale" in screen_text(pilot.app))
        assert "stale: the dataset was changed since" in text_of(pilot.app, "#data-detail")


async def test_verify_runs_the_real_script(pipes: Path, workshop: Settings) -> None:
    """The set was not made by a split: the sentence of the script is shown."""
    async with opened() as pilot:
        await select(pilot, "choose")
        await pilot.press("v")
        await until(pilot, lambda: "✗ verify failed" in text_of(pilot.app, "#data-detail"), seconds=60)
        assert last_job(workshop, "choose", "verify").line in text_of(pilot.app, "#data-detail").replace("\n", " ")


NEXT = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.default_int_handler)
print("looking at: 3 of 12, about 9 s left", file=sys.stderr, flush=True)
go, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
try:
    while not go.exists():
        time.sleep(0.02)
except KeyboardInterrupt:
    sys.exit(130)
out.mkdir()
(out / "next_masks.csv").write_text("rank,file,classes\\n" + "".join(f"{i},p{i}.png,crack\\n" for i in range(1, 8)))
"""


async def ask_next(pilot: Pilot, folder: Path) -> None:
    """Ask for the next masks by keys."""
    await pilot.press("m")
    await until(pilot, lambda: isinstance(pilot.app.screen, NextMasks) and pilot.app.focused)
    assert pilot.app.screen.query_one("#next-count", Input).value == "50"
    await pilot.press("down", "down", "ctrl+u", "x", "enter")
    await until(pilot, lambda: "'x' is no number of pictures" in screen_text(pilot.app))
    await pilot.press("ctrl+u", "7", "down", "ctrl+u", *str(folder), "enter")
    await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_next_masks_are_asked_for_stopped_and_shown(
    pipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    program, go, out = tmp_path / "next.py", tmp_path / "go", tmp_path / "draw"
    program.write_text(NEXT)
    line = [sys.executable, str(program), str(go)]
    monkeypatch.setattr(dataset_jobs, "command", lambda settings, name, kind, options=(): [*line, *options])
    async with opened(size) as pilot:
        await select(pilot, "pipes")
        await ask_next(pilot, out)
        await until(pilot, lambda: "● next masks" in text_of(pilot.app, "#data-detail"))
        await until(pilot, lambda: "3 of 12, about 9 s left" in text_of(pilot.app, "#data-detail"))
        await pilot.press("s")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        assert "Stop the list of next masks of pipes?" in pilot.app.screen.question
        await pilot.press("y")
        await until(pilot, lambda: "■ next masks stopped" in text_of(pilot.app, "#data-detail"))
        go.touch()
        await ask_next(pilot, out)
        await until(pilot, lambda: "7 masks to draw: p1.png, p2.png" in text_of(pilot.app, "#data-detail"))
        detail = text_of(pilot.app, "#data-detail")
        assert "and 2 more" in detail and str(out / "via_project.json") in detail and "VIA 2" in detail
        # told by a message of its own, after what the pane shows
        await until(pilot, lambda: any("next masks finished" in str(n.message) for n in pilot.app._notifications))


@pytest.mark.slow
async def test_without_a_network_the_real_script_says_what_to_train(pipes: Path, tmp_path: Path) -> None:
    async with opened() as pilot:
        await select(pilot, "pipes_deposition_EVAL")
        await pilot.press("m")
        told = "was made from pipes: select that one"
        await until(pilot, lambda: any(told in str(note.message) for note in pilot.app._notifications))
        await select(pilot, "pipes")
        await ask_next(pilot, tmp_path / "draw")
        await until(pilot, lambda: "✗ next masks failed" in text_of(pilot.app, "#data-detail"), seconds=60)
        assert "no finished baseline or final of pipes to ask" in text_of(pilot.app, "#data-detail").replace("\n", " ")


# -- the viewer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_enter_shows_the_pictures_with_mask_boxes_and_polygons(pipes: Path, size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        screen = await look(pilot, "pipes")
        text = screen_text(pilot.app)
        assert "p0.png" in text and "1 of 4" in text and "64×48" in text and "hand-labelled" in text
        assert ("deposition Отложения" in text) == (size == WIDE) and "█ obstacle" in text and "▀" in text
        assert max(len(line.rstrip()) for line in text.splitlines()) <= size[0]
        everything = picture(screen)
        for key in ("m", "b", "h"):
            await pilot.press(key)
            await until(pilot, lambda: shown(screen) and picture(screen) != everything)
            assert "☐" in screen_text(pilot.app)
            await pilot.press(key)
            await until(pilot, lambda: shown(screen) and picture(screen) == everything)
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def test_next_previous_first_last_and_jump(pipes: Path) -> None:
    async with opened() as pilot:
        screen = await look(pilot, "pipes")
        for keys, name in (("n", "p1.png"), ("space", "p2.png"), ("p", "p1.png"), ("G", "p3.png"), ("n", "p0.png")):
            await pilot.press(keys)
            await until(pilot, lambda name=name: shown(screen) == name)
        await pilot.press("right")
        await until(pilot, lambda: shown(screen) == "p1.png")
        await pilot.press("g", "slash", "3")
        await until(pilot, lambda: shown(screen) == "p3.png")
        await pilot.press("enter", "p")  # a key again, no letter of the name
        await until(pilot, lambda: shown(screen) == "p2.png" and not screen.query_one(Input).display)
        await pilot.press("slash", "escape")
        await until(pilot, lambda: not screen.query_one(Input).display)
        assert pilot.app.screen is screen


@pytest.mark.slow
async def test_only_pictures_of_a_class(pipes: Path) -> None:
    async with opened() as pilot:
        screen = await look(pilot, "pipes")
        for key, names in (("c", 1), ("c", 1), ("c", 2), ("c", 4), ("C", 2)):
            await pilot.press(key)
            await until(pilot, lambda names=names: shown(screen) and len(screen.names) == names)
        assert "only without a class" in screen_text(pilot.app)


async def test_zoom_and_pan(pipes: Path) -> None:
    async with opened() as pilot:
        screen = await look(pilot, "pipes")
        whole = picture(screen)
        await pilot.press("plus", "equals_sign", "left", "up")
        await until(pilot, lambda: shown(screen) and picture(screen) != whole)
        assert "zoom ×2.2" in screen_text(pilot.app) and screen.current == "p0.png"
        await pilot.press("minus", "minus")
        await until(pilot, lambda: shown(screen) and picture(screen) == whole)
        await pilot.press("plus", "0")
        await until(pilot, lambda: shown(screen) and screen.window.zoom == 1 and picture(screen) == whole)


async def test_findings_are_visited_and_copies_stand_side_by_side(slow_audit: Path) -> None:
    slow_audit.touch()
    async with opened() as pilot:
        await select(pilot, "pipes")
        await pilot.press("a")
        await until(pilot, lambda: "! 1 suspect" in screen_text(pilot.app))
        screen = await look(pilot, "pipes")
        await pilot.press("f")
        await until(pilot, lambda: shown(screen) == "p1.png" and "! empty: nothing there" in screen_text(pilot.app))
        assert "!obstacle" in screen_text(pilot.app)
        await pilot.press("f")
        await until(pilot, lambda: shown(screen) == "p2.png" and screen.shows_copies)
        text = screen_text(pilot.app)
        assert any("p0.png" in line and "p2.png" in line for line in text.splitlines())
        await pilot.press("d")
        await until(pilot, lambda: shown(screen) and not screen.shows_copies)
        await pilot.press("F")
        await until(pilot, lambda: shown(screen) == "p1.png")
        await pilot.press("d")
        await until(pilot, lambda: "no copies of this picture" in screen_text(pilot.app))


async def test_a_picture_that_cannot_be_read_is_told_in_its_place(workshop: Settings) -> None:
    async with opened() as pilot:
        await look(pilot, "learn")  # its only picture is an empty file
        assert "picture.png: cannot be read as a picture" in screen_text(pilot.app)


async def test_annotations_that_cannot_be_read_are_told(pipes: Path) -> None:
    (pipes / "boxes.csv").write_text("a,b\n")
    async with opened() as pilot:
        await select(pilot, "pipes")
        await pilot.press("enter")
        await until(pilot, lambda: any("boxes.csv" in str(note.message) for note in pilot.app._notifications))
        assert len(pilot.app.screen_stack) == 1


@pytest.mark.slow
async def test_the_picture_follows_the_size_of_the_terminal(pipes: Path) -> None:
    async with opened(NARROW) as pilot:
        screen = await look(pilot, "pipes")
        height = len(picture(screen))
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: shown(screen) and len(picture(screen)) > height)


async def test_no_color_is_grey_with_drawn_boxes(pipes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened() as pilot:
        screen = await look(pilot, "pipes")
        assert "┌" in screen_text(pilot.app) and "deposition" in screen_text(pilot.app)
        for strip in screen.query_one(PictureView).strips:
            assert all(len(set(style.color.triplet)) == 1 for text, style, _ in strip if text.strip("▀") == "")


async def test_help_in_the_viewer_lists_and_runs_its_keys(pipes: Path) -> None:
    async with opened() as pilot:
        screen = await look(pilot, "pipes")
        await pilot.press("question_mark")
        await until(pilot, lambda: pilot.app.screen is not screen)
        options = pilot.app.screen.query_one("#help-list", OptionList)
        assert [option.id for option in options.options if option.id] == [action.name for action in PICTURE_ACTIONS]
        await pilot.press(*"last picture", "enter")
        await until(pilot, lambda: shown(screen) == "p3.png")


def test_every_key_of_the_viewer_can_be_done() -> None:
    keys = [key for action in PICTURE_ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))
    names = {action.name for action in PICTURE_ACTIONS}
    assert names >= set(KEY_BAR)
    assert all(hasattr(PictureScreen, f"action_{name.partition('(')[0]}") for name in names)


def test_the_readme_has_the_keys_of_the_viewer_as_they_are() -> None:
    assert key_table(PICTURE_ACTIONS) in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize("colours", ["truecolor", ""])
def test_pictures_on_a_real_terminal(pipes: Path, colours: str) -> None:
    """256 colours where the terminal does not promise more; nothing but half blocks and colours is sent."""
    from test_terminal import Terminal

    terminal = Terminal(COLORTERM=colours)
    terminal.wait_for("no run yet")
    terminal.type("7")
    terminal.wait_for("pipes_deposition_EVAL")
    terminal.type("\x1b[F\x1b[A\r")  # End, up, Enter
    terminal.wait_for("p0.png")
    terminal.wait_for("▀▀")
    assert (b";48;2;" in terminal.output) == bool(colours)
    assert (b";48;5;" in terminal.output) != bool(colours)
    terminal.end(signal.SIGKILL)
