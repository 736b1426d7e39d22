"""Pictures in kitty's graphics protocol: bytes as specified, chosen by environment, seen by a terminal, taken away."""

import io
import re
import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pytest
from driving import opened, until
from kitty_terminal import KittyTerminal
from PIL import Image
from rich.style import Style
from test_data_pane import add_pictures, look, shown
from test_terminal import Terminal
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot
from textual.strip import Strip

from app import canvas, graphics
from app.painting import Cell, Frame
from app.terminal import protocol
from app.widgets.half_blocks import Label
from app.widgets.kitty import CHUNK, DIACRITICS, PLACEHOLDER, delete, placeholders, transmit
from pipeseg.errors import BadInput
from pipeseg.settings import Settings

CELL = re.compile(f"{PLACEHOLDER}([{''.join(DIACRITICS)}])([{''.join(DIACRITICS)}])")


def png(size: tuple[int, int] = (3, 2), noise: bool = False) -> bytes:
    file = io.BytesIO()
    (Image.effect_noise(size, 90) if noise else Image.new("RGB", size, (1, 2, 3))).save(file, "PNG")
    return file.getvalue()


def cells(strips: Iterable[Strip]) -> dict[tuple[int, int], list[tuple[int, int, int]]]:
    """Where on the screen (line, nth placeholder) which number, row and column are asked for."""
    found: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for line, strip in enumerate(strips):
        count = 0
        for text, style, _ in strip:
            assert text.count(PLACEHOLDER) == len(CELL.findall(text)), "a placeholder lost its row or column"
            for row, column in CELL.findall(text):
                red, green, blue = style.color.triplet  # type: ignore[union-attr]
                number = red << 16 | green << 8 | blue
                found[line, count] = [(number, DIACRITICS.index(row), DIACRITICS.index(column))]
                count += 1
    return found


# -- bytes -----------------------------------------------------------------------------------------------------------


def test_the_marks_are_those_of_the_specification() -> None:
    assert len(DIACRITICS) == len(set(DIACRITICS)) == 297
    # its example: rows and columns 0, 1, 2
    assert DIACRITICS[:3] == ("\u0305", "\u030d", "\u030e") and DIACRITICS[-1] == "\U0001d244"
    assert list(DIACRITICS) == sorted(DIACRITICS)
    assert all(unicodedata.combining(mark) == 230 and not unicodedata.decomposition(mark) for mark in DIACRITICS)


def test_a_small_picture_is_one_command() -> None:
    assert transmit(0x10203, b"abc", 8, 5) == "\x1b_Ga=T,U=1,f=100,t=d,q=2,i=66051,c=8,r=5,m=0;YWJj\x1b\\"
    assert delete(66051) == "\x1b_Ga=d,d=I,i=66051,q=2\x1b\\"


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_large_one_comes_in_chunks(extra: int) -> None:
    data = bytes(range(256)) * 24
    data = data[: CHUNK // 4 * 3 + extra]  # one chunk, about
    commands = transmit(7, data, 1, 1).split("\x1b\\")[:-1]
    assert len(commands) == (2 if extra > 0 else 1)
    assert all(len(command.partition(";")[2]) <= CHUNK for command in commands)
    if extra > 0:
        assert "m=1;" in commands[0] and commands[1].startswith("\x1b_Gq=2,m=0;")


def test_a_terminal_gets_the_picture_back_also_through_tmux() -> None:
    data = png((160, 90), noise=True)
    for tmux in (False, True):
        terminal, text = KittyTerminal(), transmit(300, data, 16, 5, tmux=tmux)
        assert text.startswith("\x1bPtmux;\x1b\x1b_Ga=T") is tmux and text.count("\x1b_G") > 2
        terminal.read(text)
        image, columns, rows = terminal.pictures[300]
        assert image.tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes() and (columns, rows) == (16, 5)
        terminal.read(delete(300, tmux=tmux))
        assert not terminal.pictures


def test_tmux_hands_on_what_is_wrapped() -> None:
    assert delete(5, tmux=True) == "\x1bPtmux;\x1b\x1b_Ga=d,d=I,i=5,q=2\x1b\x1b\\\x1b\\"


def test_cells_say_which_picture_row_and_column() -> None:
    lines = placeholders(0x010203, 3, 2, Style(bgcolor="black"), labels=[Label(1, 1, "ab", (250, 250, 0))])
    assert [line.cell_length for line in lines] == [3, 3]
    first = f"{PLACEHOLDER}\u0305\u0305{PLACEHOLDER}\u0305\u030d{PLACEHOLDER}\u0305\u030e"
    assert lines[0].text == first and lines[1].text == f"{PLACEHOLDER}\u030d\u0305ab"
    ((_, style, _),) = lines[0]
    assert tuple(style.color.triplet) == (1, 2, 3) and style.bgcolor is not None  # type: ignore[union-attr]


def test_a_cut_line_keeps_its_columns() -> None:
    (line,) = placeholders(9, 40, 1, Style())
    assert cells([line.crop(30, 33)]) == {(0, at): [(9, 0, 30 + at)] for at in range(3)}


# -- choice ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-kitty", "SSH_TTY": "/dev/pts/1"}, "kitty"),
        ({}, "blocks"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "blocks"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "230400"}, "blocks"),
        # started from kitty
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7200", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, "blocks"),
        ({"TERM": "screen", "STY": "1.x", "TERM_PROGRAM": "ghostty"}, "blocks"),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "ghostty"}, "blocks"),  # by SSH out of tmux
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, "blocks"),
    ],
)
def test_the_terminal_is_known_by_its_environment(environment: dict[str, str], expected: str) -> None:
    assert protocol("auto", environment) == expected
    assert protocol("blocks", environment) == "blocks"
    assert protocol("kitty", environment) == ("blocks" if "NO_COLOR" in environment else "kitty")


@pytest.mark.parametrize(("version", "expected"), [("0, 26, 5", "blocks"), ("0, 28, 0", "kitty"), ("1, 0, 0", "kitty")])
def test_a_kitty_older_than_placeholders_is_known_by_its_folder(tmp_path: Path, version: str, expected: str) -> None:
    environment = {"TERM": "xterm-kitty", "KITTY_INSTALLATION_DIR": str(tmp_path)}
    assert protocol("auto", environment) == "kitty"
    (tmp_path / "kitty").mkdir()
    (tmp_path / "kitty" / "constants.py").write_text(f"version: Version = Version({version})\n")
    assert protocol("auto", environment) == expected


def test_a_choice_that_is_none_is_one_sentence(workshop: Settings) -> None:
    with pytest.raises(BadInput, match=r"PIPESEG_PICTURES: 'sixel' is not one of auto, blocks, kitty"):
        protocol("sixel", {})
    terminal = Terminal(PIPESEG_PICTURES="sixel")
    terminal.wait_for("app: PIPESEG_PICTURES: 'sixel' is not one of auto, blocks, kitty")
    terminal.end(15)


def test_the_setting_comes_from_the_environment_or_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIPESEG_PICTURES", raising=False)
    assert Settings.load(tmp_path).pictures == "auto"
    (tmp_path / ".env").write_text("PIPESEG_PICTURES=blocks\n")
    assert Settings.load(tmp_path).pictures == "blocks"
    monkeypatch.setenv("PIPESEG_PICTURES", "kitty")
    assert Settings.load(tmp_path).pictures == "kitty"


# -- size ------------------------------------------------------------------------------------------------------------


def test_cells_are_as_large_as_the_line_says() -> None:
    assert graphics.cell_of(80, 24, 720, 432) == Cell(9, 18)
    for unknown in ((80, 24, 0, 0), (0, 0, 720, 432), (80, 24, 5, 5)):
        assert graphics.cell_of(*unknown) == Cell(10, 20)
    assert graphics.held_down(Cell(9, 18), 80, 24) == Cell(9, 18)
    cell = graphics.held_down(Cell(20, 40), 160, 40)
    assert (160 * cell.width, cell.height) == (graphics.MOST_SIDE, 2 * cell.width)


def test_a_picture_never_takes_more_bytes_than_it_may() -> None:
    pixels = Image.effect_noise((600, 400), 90).convert("RGB").tobytes()
    frame = Frame(pixels, 600, 400)
    whole = graphics.packed(frame, 10_000_000)
    assert Image.open(io.BytesIO(whole)).convert("RGB").tobytes() == pixels
    small = graphics.packed(frame, 50_000)
    width, height = Image.open(io.BytesIO(small)).size
    assert 25_000 < len(small) <= 50_000 and width / height == pytest.approx(1.5, rel=0.02)
    with pytest.raises(ValueError, match="no picture fits"):
        graphics.packed(frame, 10)


def test_over_ssh_a_picture_takes_less() -> None:
    assert graphics.most_bytes({"SSH_TTY": "/dev/pts/3"}) < graphics.most_bytes({})


# -- viewer ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(workshop: Settings) -> Path:
    """More pictures than a terminal holds at a time."""
    return add_pictures(workshop.datasets_dir / "many", canvas.HELD + 3)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> KittyTerminal:
    """What the dashboard writes past Textual (which writes nothing without a terminal) is read here."""
    for name in ("NO_COLOR", "TMUX", "SSH_TTY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIPESEG_PICTURES", "kitty")
    monkeypatch.setenv("TERM", "xterm-kitty")
    monkeypatch.setenv("COLORTERM", "truecolor")
    terminal = KittyTerminal()
    monkeypatch.setattr(HeadlessDriver, "write", lambda self, text: terminal.read(text))
    return terminal


def on_screen(pilot: Pilot) -> dict[tuple[int, int], list[tuple[int, int, int]]]:
    return cells(pilot.app.screen._compositor.render_strips())


def numbers(pilot: Pilot) -> set[int]:
    return {number for found in on_screen(pilot).values() for number, *_ in found}


async def press(pilot: Pilot, *keys: str) -> None:
    await pilot.press(*keys)
    await until(pilot, lambda: shown(pilot.app.screen))  # type: ignore[arg-type]
    await pilot.pause()


@pytest.mark.slow
async def test_the_terminal_gets_the_picture_and_cells_that_show_it(many: Path, terminal: KittyTerminal) -> None:
    async with opened() as pilot:
        await look(pilot, "many")
        await press(pilot, "n", "m")
        (number,) = numbers(pilot)
        image, columns, rows = terminal.pictures[number]
        # the picture is (60, 90, 120); colours have 64 steps
        assert image.getcolors() == [(image.width * image.height, (60, 88, 120))]
        assert image.width / image.height == pytest.approx(64 / 48, rel=0.02)
        found = [place for places in on_screen(pilot).values() for place in places]
        assert found == [(number, row, column) for row in range(rows) for column in range(columns)]


async def test_overlays_are_in_its_pixels(many: Path, terminal: KittyTerminal) -> None:
    async with opened() as pilot:
        await look(pilot, "many")
        (number,) = numbers(pilot)
        image = terminal.pictures[number][0]
        left, right = image.getpixel((image.width // 4, 40)), image.getpixel((image.width * 3 // 4, 40))
        assert left == (40, 88, 120) and right != left  # the mask covers the right half


async def test_within_tmux_it_is_wrapped_and_the_last_column_left_free(
    many: Path, terminal: KittyTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    wide = Image.new("RGB", (640, 20))
    for index in range(canvas.HELD + 3):
        wide.save(many / "images" / f"p{index}.png")
    async with opened() as pilot:
        await look(pilot, "many")
        (found,) = terminal.pictures.values()
        assert found[1] == pilot.app.size.width - 1
        commands = [text for text in terminal.texts if "_G" in text]
        assert commands and all(text.startswith("\x1bPtmux;") for text in commands)


@pytest.mark.slow
async def test_each_picture_is_sent_once_and_only_some_are_held(many: Path, terminal: KittyTerminal) -> None:
    async with opened() as pilot:
        await look(pilot, "many")
        await press(pilot, "n")
        await press(pilot, "p")
        await press(pilot, "n")
        await press(pilot, "m")
        await press(pilot, "m")
        assert terminal.transmitted == 3  # two pictures, one of them also without its mask
        for _ in range(canvas.HELD + 2):
            await press(pilot, "n")
            assert numbers(pilot) <= set(terminal.pictures) and len(terminal.pictures) <= canvas.HELD
        await press(pilot, "plus")
        assert numbers(pilot) <= set(terminal.pictures)


async def test_a_dialog_over_it_leaves_the_rest_in_place(many: Path, terminal: KittyTerminal) -> None:
    async with opened() as pilot:
        await look(pilot, "many")
        before = numbers(pilot)
        whole = {place for places in on_screen(pilot).values() for place in places}
        await pilot.press("question_mark")
        await until(pilot, lambda: pilot.app.screen.query("#help-list"))
        await pilot.pause()
        rest = {place for places in on_screen(pilot).values() for place in places}
        assert numbers(pilot) == before and rest < whole


async def test_nothing_is_left_behind(many: Path, terminal: KittyTerminal) -> None:
    async with opened() as pilot:
        await look(pilot, "many")
        await press(pilot, "n")
        assert len(terminal.pictures) == 2
        await pilot.press("escape")
        await until(pilot, lambda: not terminal.pictures)
        await look(pilot, "many")
        assert len(terminal.pictures) == 1
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running)
    assert not terminal.pictures


async def test_what_the_terminal_forgot_is_sent_again(many: Path, terminal: KittyTerminal) -> None:
    async with opened() as pilot:
        await look(pilot, "many")
        terminal.pictures.clear()
        pilot.app.app_resume_signal.publish(pilot.app)
        await until(pilot, lambda: terminal.transmitted == 2)
        await until(pilot, lambda: numbers(pilot) <= set(terminal.pictures))


@pytest.mark.slow
@pytest.mark.parametrize("change", [("PIPESEG_PICTURES", "blocks"), ("NO_COLOR", "1"), ("COLORTERM", "")])
async def test_half_blocks_write_nothing(
    many: Path, terminal: KittyTerminal, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    monkeypatch.setenv(*change)
    async with opened() as pilot:
        await look(pilot, "many")
        await press(pilot, "n")
        assert not on_screen(pilot)
    assert not terminal.transmitted


def test_on_a_real_line_the_pixels_come_before_their_cells(many: Path) -> None:
    for other in ("learn", "choose", "report"):
        shutil.rmtree(many.parent / other)
    line = Terminal(30, 100, PIPESEG_PICTURES="kitty", TERM="xterm-kitty", COLORTERM="", TMUX="", SSH_TTY="")
    line.wait_for("7 Data")
    line.type("7")
    line.wait_for("audit")  # what is known about the first
    line.type("i")
    line.wait_for(f"{PLACEHOLDER}{DIACRITICS[20]}")
    output = line.output.decode(errors="ignore")
    terminal = KittyTerminal()
    terminal.read(output)
    (number,) = terminal.pictures
    colour = f"38;2;{number >> 16};{number >> 8 & 255};{number & 255}"
    assert output.index("\x1b_G") < output.index(PLACEHOLDER) and colour in output
    line.type("\x11")
    line.wait_for("\x1b[?1049l")
    ending = line.output.decode(errors="ignore")
    terminal.read(ending)
    line.end(9)
    assert not terminal.pictures and ending.index("a=d") < ending.index("\x1b[?1049l")
