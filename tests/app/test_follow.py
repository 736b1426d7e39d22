"""Following a run from its files."""

from collections.abc import Callable

from app.follow import Follower
from pipeseg.events import append_event
from pipeseg.run_directory import RunDirectory


def drain(follower: Follower) -> list:
    advances = [follower.poll()]
    while advances[-1].behind:
        advances.append(follower.poll())
    return advances


def test_only_what_is_new_is_returned(add_run: Callable[..., RunDirectory]) -> None:
    directory = add_run(points=3, ended=False)
    follower = Follower(directory.path)
    assert list(follower.poll().points["train/loss"].ys) == [1.0, 0.5, 1 / 3]
    assert not follower.poll().changed
    append_event(directory.events_file, "metrics", step=4, epoch=1, values={"train/loss": float("nan")})
    append_event(directory.events_file, "warning", text="loss is NaN")
    advance = follower.poll()
    assert list(advance.points["train/loss"].xs) == [4]
    assert advance.note == ("warning", "loss is NaN")


def test_test_metrics_are_no_curve(add_run: Callable[..., RunDirectory]) -> None:
    assert "test/iou" not in Follower(add_run().path).poll().points


def test_a_long_journal_comes_in_pieces(add_run: Callable[..., RunDirectory]) -> None:
    advances = drain(Follower(add_run(points=30_000).path))
    assert sum(len(advance.points.get("val/iou", [])) for advance in advances) == 30_000
    assert len(advances) > 1


def test_curves_of_a_study_are_those_of_the_run_it_works_on(add_run: Callable[..., RunDirectory]) -> None:
    study, first, second = add_run("study", points=0, ended=False), add_run(points=5), add_run(points=7)
    append_event(study.events_file, "child", run_id=first.run_id, step="baseline deposition seed 0", status="running")
    follower = Follower(study.path)
    advance = follower.poll()
    assert advance.child == (first.run_id, "baseline deposition seed 0")
    assert len(advance.points["val/iou"]) == 5
    append_event(study.events_file, "child", run_id=first.run_id, step="baseline deposition seed 0", status="finished")
    append_event(study.events_file, "child", run_id=second.run_id, step="final deposition seed 0", status="running")
    advance = follower.poll()
    assert advance.child == (second.run_id, "final deposition seed 0")
    assert len(advance.points["val/iou"]) == 7


def test_malformed_events_are_passed_over(add_run: Callable[..., RunDirectory]) -> None:
    directory = add_run(points=0, ended=False)
    for fields in ({"step": "x", "values": {"a": 1}}, {"step": 1, "values": {"a": "text", "b": 2}}, {"values": None}):
        append_event(directory.events_file, "metrics", **fields)
    append_event(directory.events_file, "something new")
    points = Follower(directory.path).poll().points
    assert {name: (list(piece.xs), list(piece.ys)) for name, piece in points.items()} == {"b": ([1], [2])}
