"""Shared by the tests of the tools: a workshop whose newest run is finished."""

import shutil
from dataclasses import replace

import pytest


@pytest.fixture(scope="session")
def finished_shop(tiny_session, trained, tmp_path_factory):
    """The session's datasets beside a copy of its trained run that ended well; nobody writes into it."""
    root = tmp_path_factory.mktemp("finished")
    settings = replace(tiny_session.settings, runs_dir=root / "runs", models_dir=root / "models")
    shutil.copytree(tiny_session.settings.runs_dir, settings.runs_dir)
    shutil.copytree(tiny_session.settings.models_dir, settings.models_dir)
    shop = replace(tiny_session, root=root, settings=settings)
    directory = replace(trained.directory, path=settings.runs_dir / trained.directory.run_id)
    directory.write_exit(0)
    return shop
