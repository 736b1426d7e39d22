"""The health check on machines that lack something."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.health import Check, check_all, healthy
from pipeseg.settings import ROOT, Settings


def make_settings(root: Path, **changes: object) -> Settings:
    values = {
        "root": root,
        "datasets_dir": root / "datasets",
        "models_dir": root / "models",
        "runs_dir": root / "runs",
        "experiments_dir": root / "scripts",
        "tracking_uri": f"sqlite:///{root.as_posix()}/mlflow.db",
        "user": "tester",
    }
    return Settings(**{**values, **changes})


def findings(settings: Settings, *names: str) -> dict[str, Check]:
    """Run the checks up to the tensor step, which has its own test."""
    found = {}
    for check in check_all(settings):
        found[check.name] = check
        if names and all(name in found for name in names):
            break
    return found


def run_script(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "tools" / "health_check.py"), "--json"]
    return subprocess.run(
        command, env={**os.environ, **environment}, cwd="/", capture_output=True, text=True, timeout=200, check=False
    )


@pytest.mark.slow
def test_a_real_step_on_this_machine() -> None:
    done = run_script()
    report = json.loads(done.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["tensor step"]["state"] == "ok" and checks["Python"]["state"] == "ok"
    assert done.returncode == (0 if report["healthy"] else 1)
    assert all(check["mend"] for check in report["checks"] if check["state"] != "ok")


def test_missing_torch_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    done = run_script(PYTHONPATH=str(tmp_path))
    report = json.loads(done.stdout)
    [torch] = [check for check in report["checks"] if check["name"] == "torch"]
    assert torch["state"] == "fail" and "No module named" in torch["detail"] and "requirements.txt" in torch["mend"]
    assert done.returncode == 1 and done.stderr == ""


def test_packages_are_read_from_requirements(tmp_path: Path) -> None:
    lines = ["# comment", "pytest>=1  # fine", "rich<1", "no-such-package-here>=2", "pytest>=99; sys_platform=='never'"]
    (tmp_path / "requirements.txt").write_text("\n".join([*lines, "?? what", "-r other.txt", ""]))
    found = findings(make_settings(tmp_path), "terminal")
    assert found["packages"].state == "warn" and "?? what" in found["packages"].detail
    assert found["rich"].state == "warn" and found["no-such-package-here"].state == "fail"
    assert "pytest" not in found


def test_missing_requirements_is_a_finding(tmp_path: Path) -> None:
    assert findings(make_settings(tmp_path), "packages")["packages"].state == "fail"


def test_folders_are_not_made_by_looking(tmp_path: Path) -> None:
    found = findings(make_settings(tmp_path), "tracking store")
    assert (
        found["RUNS_DIR"].state == "ok" and found["datasets"].state == "warn" and found["tracking store"].state == "ok"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    check = findings(make_settings(tmp_path), "RUNS_DIR")["RUNS_DIR"]
    assert check.state == "fail" and "RUNS_DIR in .env" in check.mend


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir(mode=0o500)
    assert findings(make_settings(tmp_path), "RUNS_DIR")["RUNS_DIR"].state == "fail"


def test_a_broken_database_and_a_silent_server(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database " * 100)
    assert findings(make_settings(tmp_path), "tracking store")["tracking store"].state == "fail"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{probe.getsockname()[1]}"
    check = findings(make_settings(tmp_path, tracking_uri=uri), "tracking store")["tracking store"]
    assert check.state == "fail" and uri in check.detail and "make mlflow" in check.mend


def test_health_is_the_absence_of_failures() -> None:
    assert healthy([Check("a", "ok", ""), Check("b", "warn", "", "mend")])
    assert not healthy([Check("a", "fail", "", "mend")])
