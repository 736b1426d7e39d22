"""What the machine and its settings are: where each setting comes from, and nothing that must stay secret."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.environment import environment, settings_in_force, without_password
from pipeseg.settings import ROOT, Settings


def test_every_setting_says_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RUNS_DIR=elsewhere\nDATASETS_DIR=lost\nMLFLOW_TRACKING_TOKEN=topsecret\n")
    settings = replace(
        Settings.load(), root=tmp_path, runs_dir=tmp_path / "elsewhere", tracking_uri="http://anna:pass@host:5001/x"
    )
    shell = {"DATASETS_DIR": "/shell", "OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_PASSWORD": "verysecret"}
    facts = {fact.name: fact for fact in settings_in_force(settings, shell)}
    assert (facts["RUNS_DIR"].note, facts["RUNS_DIR"].value) == (".env", str(tmp_path / "elsewhere"))
    assert facts["DATASETS_DIR"].note == facts["OMP_NUM_THREADS"].note == "environment"
    assert facts["MODELS_DIR"].note == "default"
    assert facts["MLFLOW_TRACKING_URI"].value == "http://***@host:5001/x"
    told = str(facts)
    assert "secret" not in told and "pass" not in told.replace("MLFLOW_TRACKING_PASSWORD", "")
    assert facts["MLFLOW_TRACKING_TOKEN"].note == ".env" and facts["MLFLOW_TRACKING_PASSWORD"].value == "set, not shown"


@pytest.mark.parametrize("uri", ["sqlite:////tmp/a@b/mlflow.db", "http://host:5001", "databricks"])
def test_a_uri_without_a_name_stays_as_it_is(uri: str) -> None:
    assert without_password(uri) == uri


def test_the_environment_names_folders_machine_and_packages(tmp_path: Path) -> None:
    settings = replace(Settings.load(), datasets_dir=tmp_path / "not" / "yet")
    found = environment(settings)
    datasets = found["folders"][0]
    assert datasets.name == "datasets" and datasets.note.endswith("made when first needed") and "GiB" in datasets.note
    packages = {fact.name: fact.value for fact in found["packages"]}
    assert {"torch", "textual", "mlflow"} <= packages.keys() and found["GPU"] and found["machine"]
    assert not (tmp_path / "not").exists()


def test_the_tool_prints_findings_as_they_come(tmp_path: Path) -> None:
    """Without torch the last check is quick."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ModuleNotFoundError('no torch here')")
    (tmp_path / "runs").mkdir()
    script = ROOT / "scripts" / "tools" / "health_check.py"
    done = subprocess.run(
        [sys.executable, str(script), "--json-lines"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "RUNS_DIR": str(tmp_path / "runs")},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and lines[0]["check"]["name"] == "Python" and lines[-2]["check"]["state"] == "fail"
    kept = json.loads(next((tmp_path / "runs").iterdir()).read_text(encoding="utf-8"))
    assert kept["checks"] == [line["check"] for line in lines[:-1]] and not kept["healthy"]
    assert lines[-1]["environment"] == kept["environment"]
