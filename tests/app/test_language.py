"""The interface in the reader's language: chosen, whole, and within the terminal's width."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from driving import NARROW, opened, screen_text, until

from app import language
from app.language import _, ngettext
from app.widgets.bars import fitting
from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import ROOT, Settings

TOOL = ROOT / "scripts" / "tools" / "translations.py"


@pytest.fixture
def russian() -> Iterator[None]:
    assert language.choose("ru") == "ru"
    yield
    language.choose("en")


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ru_RU"}, "ru"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_environment_says_which_language(environment: dict[str, str], chosen: str) -> None:
    try:
        assert language.choose("auto", environment) == chosen
    finally:
        language.choose("en")


def test_a_language_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(BadInput, match="'xx' is not one of auto, en, ru"):
        language.choose("xx")
    for arguments, environment in ((["--language", "xx"], {}), ([], {"PIPESEG_LANGUAGE": "xx"})):
        done = subprocess.run(
            [sys.executable, "-m", "app", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.count("\n") == 1 and "PIPESEG_LANGUAGE" in done.stderr


def test_russian_has_three_plurals(russian: None) -> None:
    told = [ngettext("{count} copy", "{count} copies", count).format(count=count) for count in (1, 2, 5, 11, 21, 104)]
    assert told == ["1 копия", "2 копии", "5 копий", "11 копий", "21 копия", "104 копии"]
    assert _("") == ""


def run_tool(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")


def test_every_text_has_its_translation() -> None:
    """With the same placeholders, markup and plural forms; the compiled catalogue says what the .po says."""
    done = run_tool("--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A package of one file, with its catalogue up to date."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "words.py").write_text('_("[b]{count}[/b] pictures")\nAction("a", (), "Look", group="Data")\n')
    file = tmp_path / "locale" / "ru" / "LC_MESSAGES" / "pipeseg.po"
    file.parent.mkdir(parents=True)
    file.touch()
    run_tool("--source", tmp_path / "tiny", "--locales", tmp_path / "locale")
    text = file.read_text(encoding="utf-8")
    for english, russian in (
        ("[b]{count}[/b] pictures", "снимков: [b]{count}[/b]"),
        ("Look", "Вид"),
        ("Data", "Данные"),
    ):
        text = text.replace(f'msgid "{english}"\nmsgstr ""', f'msgid "{english}"\nmsgstr "{russian}"')
    file.write_text(text, encoding="utf-8")
    run_tool("--source", tmp_path / "tiny", "--locales", tmp_path / "locale")
    return file


def check(file: Path) -> str:
    root = file.parents[3]
    done = run_tool("--check", "--source", root / "tiny", "--locales", root / "locale")
    assert done.returncode in (0, 1)
    return (done.stdout + done.stderr) if done.returncode else ""


def test_the_check_finds_what_is_wrong(catalogue: Path) -> None:
    assert check(catalogue) == ""
    right = catalogue.read_text(encoding="utf-8")
    for before, after, told in (
        ("снимков: [b]{count}[/b]", "снимков: [b]{n}[/b]", "other placeholders"),
        ("снимков: [b]{count}[/b]", "снимков: {count}", "other markup"),
        ('"Вид"', '""', "is not translated (tiny/words.py)"),
        ('"Вид"', '"Обзор"', "pipeseg.mo is not what"),
    ):
        catalogue.write_text(right.replace(before, after), encoding="utf-8")
        assert told in check(catalogue)
    catalogue.write_text(right, encoding="utf-8")
    words = catalogue.parents[3] / "tiny" / "words.py"
    source = words.read_text()
    for added, told in (
        ('_("new")\n', "'new': is not translated"),
        ('_(f"{1} new")\n', "words.py:3: _() needs a plain text"),
        ("def f():\n    a, _ = 1, 2\n    return _(a)\n", "has a variable of that name"),
    ):
        words.write_text(source + added)
        assert told in check(catalogue)


def test_translations_are_taken_from_another_catalogue(catalogue: Path, tmp_path: Path) -> None:
    known = shutil.copy(catalogue, tmp_path / "known.po")
    catalogue.write_text("")
    root = catalogue.parents[3]
    done = run_tool("--source", root / "tiny", "--locales", root / "locale", "--known", known)
    assert done.returncode == 0 and check(catalogue) == ""


TEN = "Experiments Overview Config Live Runs Compare Data Study Health Queue"
TEN_RUSSIAN = "Эксперименты Обзор Конфиг Ход Запуски Сравнение Данные Исследование Диагностика Очередь"


@pytest.mark.parametrize("words", [TEN, TEN_RUSSIAN])
@pytest.mark.parametrize("room", [80, 76, 60, 200])
def test_ten_places_fit_into_the_title(words: str, room: int) -> None:
    names = {word: word for word in words.split()}
    for active in names:
        shown = fitting(active, names, room)
        assert shown[active] == active
        assert 1 + sum(len(f" 1 {word}".rstrip()) for word in shown.values()) <= room
        if room >= 80:
            assert all(shown.values())
        assert room < 200 or shown == names


@pytest.mark.slow
@pytest.mark.parametrize("pane", ["experiments", "overview", "config", "live", "runs", "data"])
async def test_russian_fits_into_80_columns(
    workshop: Settings, add_run: Callable[..., RunDirectory], russian: None, pane: str
) -> None:
    add_run("toy")
    async with opened(NARROW) as pilot:
        pilot.app.action_show(pane)
        await until(pilot, lambda: pilot.app.place == pane)
        await pilot.pause()
        lines = screen_text(pilot.app).splitlines()
        assert max(len(line.rstrip()) for line in lines) <= 80
        assert "? Справка" in lines[-1] and "Launch" not in lines[-1]


async def test_a_russian_question_shows_every_answer(
    workshop: Settings, add_run: Callable[..., RunDirectory], russian: None
) -> None:
    async with opened(NARROW) as pilot:
        pilot.app.ask("Остановить?", [("y", _("stop it")), ("n", _("let it run"))], lambda key: None)
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await until(
            pilot, lambda: "пусть работает" in screen_text(pilot.app) and "остановить" in screen_text(pilot.app)
        )
        await pilot.press("т")  # the key of n, on a keyboard that is set to Russian
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def test_keys_work_on_a_russian_keyboard(workshop: Settings) -> None:
    async with opened() as pilot:
        await pilot.press("у")  # the key of e
        await until(pilot, lambda: pilot.app.pane == "config")
