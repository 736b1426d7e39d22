"""The list of runs and its cache: read once, never trusted over newer files, deleted at any time."""

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from experiments.notes import change_notes
from experiments.run_cache import FILE, WORTH_KEEPING
from experiments.run_configs import ConfigReader
from experiments.run_index import RunIndex
from experiments.run_summary import FACTS
from experiments.run_view import RunView
from pipeseg.config import read_yaml
from pipeseg.run_directory import RunDirectory

COUNT = WORTH_KEEPING + 20
CONFIG = "stage: baseline\nlearning_rate: {rate}\nmodel:\n  name: UNet\n  args: {{encoder_name: resnet18}}\n"


def add_run(folder: Path, number: int, best: float = 0.5) -> RunDirectory:
    info = {
        "stage": "final" if number % 2 else "baseline",
        "defect_class": "crack",
        "created": 1000.0 + number,
        "host": "here",
        "name": f"run {number}",
        "overrides": ["seed=1"],
        "packages": {"torch": "2"},
    }
    directory = RunDirectory.create(folder, "tiny", CONFIG.format(rate=number / 1000), info)
    values = {"val/iou": best, "val/dice": float("nan"), "test/iou": 0.25}
    lines = [
        {"time": 5.0, "kind": "status", "status": "running"},
        {"time": 6.0, "kind": "metrics", "step": 1, "epoch": 3, "values": values},
        {"time": 7.0, "kind": "progress", "step": 4, "total": 8, "epoch": 3, "epochs": 5},
    ]
    directory.events_file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    directory.write_exit(0)
    settle(directory)
    return directory


def settle(directory: RunDirectory) -> None:
    """As if it had ended an hour ago: what is new may change unseen, and is not kept."""
    hour_ago = time.time() - 3600
    os.utime(directory.path, (hour_ago, hour_ago))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(COUNT):
        add_run(tmp_path / "runs", number)
    return tmp_path / "runs"


def facts(run: RunView) -> dict[str, object]:
    """Everything that a list shows; NaN as text, so that it equals itself."""
    plain = {name: getattr(run, name) for name in RunView.__dataclass_fields__ if name not in ("info", "last", "test")}
    metrics = {key: str(value) for key, value in (*run.last.items(), *run.test.items())}
    return plain | metrics | {key: run.info.get(key) for key in FACTS}


def test_a_later_process_reads_the_cache_and_no_journal(folder: Path) -> None:
    first = [facts(run) for run in RunIndex(folder).look().runs]
    for number, path in enumerate(sorted(folder.glob("*/events.jsonl"))):
        if number % 2:  # in place, which nothing that ends a run does: seen only by who reads it again
            path.write_text("", encoding="utf-8")
    second = RunIndex(folder)
    runs = second.look().runs
    assert [facts(run) for run in runs] == first
    assert [run.created for run in runs] == sorted((run.created for run in runs), reverse=True) and len(runs) == COUNT
    assert runs[0].best_epoch == 3 and runs[0].info["overrides"] == ["seed=1"] and runs[0].name == f"run {COUNT - 1}"
    assert second.look().runs is runs and second.look(thorough=True).runs is runs


def test_what_changed_is_read_again(folder: Path) -> None:
    RunIndex(folder).look()
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    noted, gone, again = (RunDirectory(folder / name) for name in names[:3])
    change_notes(noted, text="look at this", add=["x"], archived=True)
    gone.path.rename(folder.parent / "elsewhere")
    again.exit_file.unlink()  # another attempt of it begins
    added = add_run(folder, COUNT)
    runs = {run.run_id: run for run in RunIndex(folder).look().runs}
    assert set(runs) == {*names, added.run_id} - {gone.run_id}
    assert (runs[noted.run_id].note, runs[noted.run_id].tags, runs[noted.run_id].archived) == (
        "look at this",
        ("x",),
        True,
    )
    assert runs[again.run_id].status == "running" and runs[names[5]].status == "finished"


def test_a_glance_sees_new_runs_and_the_newest_at_once_and_all_in_turn(folder: Path) -> None:
    index = RunIndex(folder)
    oldest = index.look().runs[-1].directory
    added = add_run(folder, COUNT)
    assert index.look().runs[0].run_id == added.run_id
    change_notes(added, text="newest")
    change_notes(oldest, text="oldest")
    assert index.look().runs[0].note == "newest"
    assert index.look(thorough=True).runs[-1].note == "oldest"


@pytest.mark.parametrize("damage", ["noise", "other version", "half"])
def test_a_damaged_cache_is_made_anew(folder: Path, damage: str) -> None:
    expected = [facts(run) for run in RunIndex(folder).look().runs]
    file = folder / FILE
    if damage == "noise":
        file.write_bytes(b"no database at all" * 500)
    elif damage == "half":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA user_version = 99")
    assert [facts(run) for run in RunIndex(folder).look().runs] == expected
    assert [facts(run) for run in RunIndex(folder).look().runs] == expected


def test_a_small_folder_is_left_without_a_cache_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    add_run(tmp_path / "runs", 1)
    assert len(RunIndex(tmp_path / "runs").look().runs) == 1
    assert [path.is_dir() for path in (tmp_path / "runs").iterdir()] == [True]
    assert RunIndex(tmp_path / "nothing").look().runs == []


def test_unknown_runs_come_in_pieces_the_newest_first(folder: Path) -> None:
    index = RunIndex(folder)
    sizes, unread = [], 1
    while unread:
        found = index.look(seconds=0.005)
        unread = found.unread
        sizes.append(len(found.runs))
        assert sizes[-1] + unread == COUNT
        assert [run.created for run in found.runs] == [1000.0 + COUNT - 1 - place for place in range(sizes[-1])]
        if len(sizes) > 10 * COUNT:
            break
        if not found.runs:  # nothing can be read in so short a time
            index.look(seconds=0.05)
    assert sizes[-1] == COUNT


def test_configs_are_read_once_and_again_when_their_file_changes(folder: Path) -> None:
    index = RunIndex(folder)
    runs = index.look().runs
    values, unread = index.configs(["learning_rate", "model.args.encoder_name", "nothing"])
    assert unread == 0 and values[runs[0].run_id] == ((COUNT - 1) / 1000, "resnet18", None)
    (runs[3].path / "config.yaml").write_text("learning_rate: 7\n", encoding="utf-8")
    later = RunIndex(folder)
    later.look()
    assert later.configs(["learning_rate"])[0][runs[3].run_id] == (7,)
    assert later.configs(["learning_rate"], seconds=0)[1] == 0  # everything is known by now


@pytest.mark.parametrize(
    "text",
    [
        CONFIG.format(rate="1e-3"),
        "a: 1\nlist:\n- 1\n- two\nb:\n  c:\n    d: null\n# end\n",
        "base: &base {x: 1}\nother: *base\n",
        "text: |\n  two\n\n  lines\nyes: true\n",
        "quoted: 'a: b # c'\n'odd key': 1\n",
        "{flow: 1, other: [1, 2]}\n",
        "---\na: 1\n",
        "",
    ],
)
def test_a_config_read_in_parts_is_the_config_read_whole(tmp_path: Path, text: str) -> None:
    from experiments.config_diff import flat

    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    reader = ConfigReader()
    whole = flat(read_yaml(path)) if text else {}
    assert reader.read(path) == whole and reader.read(path) == whole


def test_a_config_that_cannot_be_read_has_no_values(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: [1\n", encoding="utf-8")
    assert ConfigReader().read(tmp_path / "config.yaml") == {} == ConfigReader().read(tmp_path / "none.yaml")
