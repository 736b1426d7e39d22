"""Editing as a person does: a form beside the text, differences, a new experiment, another editor."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import NARROW, WIDE, choose, opened, screen_text, text_of, until
from textual.pilot import Pilot
from textual.widgets import Input

from app.widgets.config_form import ConfigForm, FieldInput
from app.widgets.config_pane import ConfigPane
from app.widgets.experiment_list import ExperimentList
from app.widgets.grid import Grid
from app.widgets.yaml_area import YamlArea
from experiments.config_file import read_text
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings


async def open_form(pilot: Pilot, name: str = "toy") -> ConfigForm:
    """Open the form of an experiment, with the keys in it."""
    await choose(pilot, name)
    await pilot.press("3")
    pane, form = pilot.app.query_one(ConfigPane), pilot.app.query_one(ConfigForm)
    if not pane.shows_both:
        await pilot.press("v")
    await until(pilot, lambda: form.form is not None and form.name_shown == name and form.grid.has_focus)
    return form


async def change(pilot: Pilot, key: str, *keys: str) -> None:
    """Go to a key of the form and press something there; wait until the form follows the text again."""
    form, pane = pilot.app.query_one(ConfigForm), pilot.app.query_one(ConfigPane)
    before = pane.draft.text
    form.grid.move_to(key)
    await pilot.press(*keys)
    await until(pilot, lambda: pane.draft.text != before)
    await until(pilot, lambda: form.form.text == pane.draft.text)


def yaml(pilot: Pilot) -> str:
    return pilot.app.query_one(YamlArea).text


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_change_in_the_form_edits_the_text_in_place_and_saves(
    workshop: Settings, size: tuple[int, int]
) -> None:
    async with opened(size) as pilot:
        form = await open_form(pilot)
        await change(pilot, "epochs", "enter", "backspace", "1", "2", "enter")
        assert "epochs: 12\n" in yaml(pilot) and "learn  # about 200 hand masks" in yaml(pilot)
        await change(pilot, "schedule", "space")
        assert "schedule: cosine\n" in yaml(pilot)
        await change(pilot, "augment", "enter")
        assert "augment: false\n" in yaml(pilot)
        await change(pilot, "schedule", "backspace")
        assert "schedule" not in yaml(pilot)
        assert not form.form.entry("schedule").is_set
        await until(pilot, lambda: "● unsaved" in screen_text(pilot.app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not pilot.app.query_one(ConfigPane).unsaved)
        assert read_text(workshop.experiments_dir / "toy" / "config.yaml") == yaml(pilot)
        assert max(len(line.rstrip()) for line in screen_text(pilot.app).splitlines()) <= size[0]


@pytest.mark.slow
async def test_undo_and_redo_go_through_both_views_as_one(workshop: Settings) -> None:
    async with opened() as pilot:
        original = read_text(workshop.experiments_dir / "toy" / "config.yaml")
        await open_form(pilot)
        await change(pilot, "seed", "enter", "backspace", "backspace", "7", "enter")
        formed = yaml(pilot)
        await pilot.press("e", "pagedown", "end", *"threshold: 0.4", "escape")
        typed = yaml(pilot)
        assert typed == formed + "threshold: 0.4"
        form = pilot.app.query_one(ConfigForm)
        await until(pilot, lambda: form.form.entry("threshold").value == 0.4)
        texts = []
        while yaml(pilot) != original:
            await pilot.press("ctrl+z")
            texts.append(yaml(pilot))
            assert len(texts) < 10
        assert formed in texts
        await until(pilot, lambda: not pilot.app.query_one(ConfigPane).unsaved)
        await until(pilot, lambda: form.form.text == original)
        for _ in texts:
            await pilot.press("ctrl+y")
        assert yaml(pilot) == typed
        # the history stays with the experiment while another one is looked at
        await choose(pilot, "nested/inner")
        await choose(pilot, "toy")
        await pilot.press("3", "ctrl+z")
        assert yaml(pilot) != typed


async def test_the_form_waits_while_the_text_is_no_yaml_and_follows_it_again(workshop: Settings) -> None:
    async with opened() as pilot:
        form = await open_form(pilot)
        await pilot.press("e", "pagedown", "end", *"seed: [1")
        await until(pilot, lambda: form.unreadable is not None)
        assert form.form.entry("epochs").value == 3  # as it was
        area = pilot.app.query_one(YamlArea)
        assert "✗" in area.marks.values()
        assert "the form waits" in screen_text(pilot.app)
        text = yaml(pilot)
        await pilot.press("escape", "space", "enter", "delete")
        assert yaml(pilot) == text and not form.is_typing
        await pilot.press("e", *["backspace"] * 2, "5")
        await until(pilot, lambda: form.unreadable is None and form.form.entry("seed").value == 5)
        assert not area.marks


async def test_a_mistake_is_told_at_the_field_while_it_is_typed_and_not_taken(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        form = await open_form(pilot)
        before = yaml(pilot)
        form.grid.move_to("learning_rate")
        await pilot.press("enter", "ctrl+u", *"fast")
        await until(pilot, lambda: "valid number" in text_of(pilot.app, "#form-detail"))
        await pilot.press("enter")
        await until(pilot, lambda: form.is_typing)
        assert yaml(pilot) == before
        await pilot.press("ctrl+u", *"0.1")
        await until(pilot, lambda: "✗" not in text_of(pilot.app, "#form-detail"))
        await pilot.press("escape")
        assert not form.is_typing and form.grid.has_focus and yaml(pilot) == before


async def test_the_line_of_a_mistake_is_marked_and_the_row_says_why(workshop: Settings) -> None:
    async with opened() as pilot:
        form = await open_form(pilot)
        await pilot.press("e", "pagedown", "end", *"batch_size: 0")
        await until(pilot, lambda: form.form.entry("batch_size").problem)
        assert pilot.app.query_one(YamlArea).marks == {9: "✗"}
        form.grid.move_to("batch_size")
        await until(pilot, lambda: "greater than or equal to 1" in text_of(pilot.app, "#form-detail"))
        lines = [line for line in screen_text(pilot.app).splitlines() if "batch_size" in line]
        assert any("10 ✗batch_size: 0" in line for line in lines)
        assert any("✗  batch_size" in line for line in lines)


@pytest.mark.slow
async def test_names_are_chosen_from_a_list_and_others_may_be_typed(workshop: Settings) -> None:
    async with opened() as pilot:
        form = await open_form(pilot)
        for key, words, expected in (
            ("model.name", "deeplab stride 16", "DeepLabV3Plus"),
            ("criterion.name", "focaltver", "FocalTverskyLoss"),
            ("model.args.encoder_name", "tu-resnet10t", "tu-resnet10t"),
            ("train_dataset", "report", "report"),
        ):
            before = yaml(pilot)
            form.grid.move_to(key)
            await pilot.press("enter")
            await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
            pilot.app.screen.query_one(Input).value = words
            await pilot.pause()
            await pilot.press("enter")
            await until(pilot, lambda text=before: yaml(pilot) != text)
            await until(pilot, lambda: form.form.text == yaml(pilot))
            assert form.form.entry(key).value == expected
        # what was chosen last breaks a rule between keys: it is told, and saving is refused
        await until(pilot, lambda: "proves nothing" in text_of(pilot.app, "#config-problems"))
        assert form.form.entry("criterion.args.gamma")  # the arguments of the new loss


async def test_the_form_is_filtered_by_words(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        form = await open_form(pilot)
        await pilot.press("slash", *"rate")
        await until(pilot, lambda: 0 < len(form.grid.rows) < 10)
        await pilot.press("enter")
        assert form.grid.has_focus and form.entry and "rate" in f"{form.entry.key} {form.entry.help}"
        await pilot.press("slash", "escape")
        await until(pilot, lambda: len(form.grid.rows) > 30)


async def test_a_file_that_another_program_changes_is_read_again(workshop: Settings) -> None:
    file = workshop.experiments_dir / "toy" / "config.yaml"
    async with opened() as pilot:
        form = await open_form(pilot)
        file.write_text(file.read_text() + "seed: 99\n")
        await until(pilot, lambda: form.form.entry("seed").value == 99)
        assert not pilot.app.query_one(ConfigPane).unsaved


@pytest.mark.slow
async def test_differences_to_the_saved_file_the_last_run_and_any_run(
    workshop: Settings, add_run: Callable[..., RunDirectory]
) -> None:
    other = add_run("nested/inner", age=500)
    other.config_file.write_text(other.config_file.read_text().replace("epochs: 3", "epochs: 77"))
    add_run("toy")
    async with opened() as pilot:
        app = pilot.app
        await open_form(pilot)
        await change(pilot, "seed", "enter", "backspace", "backspace", "7", "enter")
        await pilot.press("d")
        await until(pilot, lambda: len(app.screen_stack) == 2)

        def rows() -> list[tuple[str, ...]]:
            return [(row.key, *row.cells[1:]) for row in app.screen.query_one("#diff-grid", Grid).rows]

        await until(pilot, lambda: rows() == [("seed", "7", "42")])
        assert "saved file" in text_of_screen(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "+seed: 7" in text_of_screen(pilot))
        await pilot.press("t", "l")
        await until(pilot, lambda: "-toy-" in text_of_screen(pilot) and rows() == [("seed", "7", "42")])
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        app.screen.query_one(Input).value = "inner"
        await pilot.pause()
        await pilot.press("enter")
        await until(
            pilot, lambda: rows() == [("epochs", "3", "77"), ("seed", "7", "42")] or ("epochs", "3", "77") in rows()
        )
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


def text_of_screen(pilot: Pilot) -> str:
    return screen_text(pilot.app)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_new_experiment_is_copied_selected_and_open(workshop: Settings, size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        app = pilot.app
        await choose(pilot, "toy")
        await pilot.press("n")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press(*"toy")
        await until(pilot, lambda: "is there already" in screen_text(app))
        await pilot.press("enter")
        assert len(app.screen_stack) == 2
        await pilot.press(*"/Deep")
        await until(pilot, lambda: "small letters only" in screen_text(app))
        await pilot.press(*["backspace"] * 4, *"deep_er")
        await until(pilot, lambda: "✓" in screen_text(app) and "Toy: deep er" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.selected == "toy/deep_er" and app.pane == "config")
        await until(pilot, lambda: app.query_one(ConfigPane).name_shown == "toy/deep_er")
        assert app.query_one(ExperimentList).current == "toy/deep_er"
        folder = workshop.experiments_dir / "toy" / "deep_er"
        assert "# about 200 hand masks" in read_text(folder / "config.yaml")
        assert "experiment_name: 'Toy: deep er'" in yaml(pilot)
        assert read_text(folder / "README.md").startswith("# Toy: deep er\n\nLearns nothing")


@pytest.mark.slow
async def test_an_editor_that_cannot_be_opened_says_why(workshop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as pilot:
        await open_form(pilot)
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.delenv("EDITOR", raising=False)
        await pilot.press("E")
        await until(pilot, lambda: "no editor is set" in screen_text(pilot.app))
        monkeypatch.setenv("EDITOR", "true")
        await pilot.press("E")  # no terminal of its own here
        await until(pilot, lambda: "cannot be handed over" in screen_text(pilot.app))
        await change(pilot, "seed", "enter", "8", "enter")
        await pilot.press("E")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("escape")
        assert pilot.app.query_one(ConfigPane).unsaved == {"toy"}


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_the_own_editor_gets_the_terminal_and_the_file_is_read_again(workshop: Settings, tmp_path: Path) -> None:
    import signal

    from test_terminal import Terminal

    script = tmp_path / "my editor"
    script.write_text('#!/bin/sh\necho "an editor on $(basename "$1")"\necho "seed: 4321" >> "$1"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    terminal = Terminal(rows=40, columns=160, VISUAL=f'"{script}"', EDITOR="", LANG="C.UTF-8")
    terminal.wait_for("nested/inner")
    terminal.wait_for("no run yet")
    terminal.type("3")
    terminal.wait_for("✓ valid")
    terminal.type("E")
    terminal.wait_for("an editor on config.yaml")
    terminal.wait_for("4321")
    terminal.end(signal.SIGKILL)
    assert os.access(workshop.experiments_dir, os.R_OK)


async def test_typing_lies_over_the_value_that_it_changes(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        form = await open_form(pilot)
        form.grid.move_to("num_workers")
        await pilot.press("enter")
        line = form.query_one(FieldInput)
        await until(pilot, lambda: line.region.width > 4)
        row = screen_text(pilot.app).splitlines()[line.region.y]
        assert "num_workers" in row and row[line.region.x :].startswith("null")
