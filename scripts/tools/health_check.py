#!/usr/bin/env python
"""Checks that this machine can train: `python scripts/tools/health_check.py [--json]`; exit code 0 ready, 1 not."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import argparse
import json
from dataclasses import asdict

from experiments.health import MEND_PACKAGES, Check, check_all, healthy
from pipeseg.settings import Settings

GLYPHS = {"ok": "✓", "warn": "!", "fail": "✗"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Check Python, packages, torch and GPU, tracking store, folders, disk."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    options = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        # the encoding is one of the things checked: a glyph that it lacks must not end the report
        sys.stdout.reconfigure(errors="replace")
    try:
        settings = Settings.load()
    except ImportError as error:
        return _report([Check("packages", "fail", str(error), MEND_PACKAGES)], options.json)
    checks = []
    for check in check_all(settings):
        checks.append(check)
        if not options.json:
            _print(check)
    return _report(checks, options.json, printed=True)


def _report(checks: list[Check], as_json: bool, *, printed: bool = False) -> int:
    ready = healthy(checks)
    if as_json:
        print(
            json.dumps({"healthy": ready, "checks": [asdict(check) for check in checks]}, indent=2, ensure_ascii=False)
        )
    else:
        for check in [] if printed else checks:
            _print(check)
        problems = sum(check.state == "fail" for check in checks)
        print("ready" if ready else f"not ready: {problems} to mend")
    return 0 if ready else 1


def _print(check: Check) -> None:
    mend = f"  -> {check.mend}" if check.mend else ""
    print(f"{GLYPHS[check.state]} {check.state:<4} {check.name}: {check.detail}{mend}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
