"""Health at the keyboard: what the last check found is told at the start, and checked again when somebody looks."""

import json
import os
import time

import pytest
from driving import NARROW, WIDE, opened, screen_text, text_of, until
from textual.widgets import Static

from app.widgets.health_pane import HealthPane
from experiments.environment import Fact
from experiments.health import Check
from experiments.health_report import last_report, report_file, save_report
from pipeseg.settings import Settings

BROKEN = Check("tensor step", "fail", "cuda: no kernel image", "install the torch build that fits the driver")


def fields(app: object) -> str:
    return "\n".join(str(app.query_one(HealthPane).query_one(f"#health-{part}", Static).render())  # type: ignore[attr-defined]
                     for part in ("head", "checks", "environment"))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_findings_come_one_by_one_and_are_kept(workshop: Settings, size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        app = pilot.app
        assert "health check" not in screen_text(app)
        await pilot.press("9")
        pane = app.query_one(HealthPane)
        await until(pilot, lambda: pane.checks, seconds=60)
        assert "● checking" in text_of(app, "#health-head") and len(pane.checks) < 11
        await until(pilot, lambda: not pane.checking, seconds=120)
        assert [check.name for check in pane.checks][:3] == ["Python", "packages", "terminal"]
        text = fields(app)
        assert "✓ tensor step" in text and "r checks again" in text and str(workshop.runs_dir) in text
        assert "RUNS_DIR" in text and "environment" in text and "torch" in text
        assert max(len(line.rstrip()) for line in screen_text(app).splitlines()) <= size[0]
        report = last_report(workshop)
        assert report and [check.name for check in report.checks] == [check.name for check in pane.checks]


@pytest.mark.slow
async def test_a_failure_of_the_last_check_is_told_at_the_start(workshop: Settings) -> None:
    save_report(workshop, [BROKEN], {"settings": [Fact("RUNS_DIR", "/somewhere", "default")]})
    async with opened() as pilot:
        app = pilot.app
        await until(pilot, lambda: "health check of just now found tensor step: cuda" in screen_text(app))
        await pilot.press("9")
        await until(pilot, lambda: "● checking" in text_of(app, "#health-head"))
        assert "cuda: no kernel image" in fields(app) and "found tensor step" not in text_of(app, "#hint")
        await until(pilot, lambda: not app.query_one(HealthPane).checking, seconds=120)
        assert "no kernel image" not in fields(app)
        await pilot.press("8", "9")  # looked at already: it is not checked a second time
        assert not app.query_one(HealthPane).checking


def test_a_report_is_kept_where_the_runs_are_and_read_only_whole(workshop: Settings) -> None:
    assert last_report(workshop) is None
    save_report(workshop, [BROKEN], {})
    report = last_report(workshop)
    assert report and report.failures == [BROKEN] and time.time() - report.time < 60
    report_file(workshop).write_text(json.dumps({"time": 1, "checks": [{"colour": "red"}], "environment": {}}))
    assert last_report(workshop) is None
    os.rmdir(workshop.models_dir)
    report_file(workshop).unlink()
    os.rmdir(workshop.runs_dir)
    save_report(workshop, [BROKEN], {})
    assert not workshop.runs_dir.exists()
