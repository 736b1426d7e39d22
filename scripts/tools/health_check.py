#!/usr/bin/env python
"""Checks that this machine can train: `python scripts/tools/health_check.py [--json]`; exit code 0 ready, 1 not."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from experiments.environment import Fact, environment
from experiments.health import MEND_PACKAGES, Check, check_all, healthy
from experiments.health_report import record, save_report
from pipeseg.settings import Settings

GLYPHS = {"ok": "✓", "warn": "!", "fail": "✗"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Check Python, packages, torch and GPU, tracking store, folders, disk; then say what there is."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument("--json-lines", action="store_true", help="print each finding as a JSON line, as it comes")
    options = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        # the encoding is one of the things checked: a glyph that it lacks must not end the report
        sys.stdout.reconfigure(errors="replace")
    told = "json" if options.json else "lines" if options.json_lines else "text"
    try:
        settings = Settings.load()
    except ImportError as error:
        broken = Check("packages", "fail", str(error), MEND_PACKAGES)
        _tell(broken, told)
        return _report([broken], {}, told)
    checks = []
    for check in check_all(settings):
        checks.append(check)
        _tell(check, told)
    found = environment(settings)
    try:
        save_report(settings, checks, found)
    except OSError as error:
        print(f"the report is not kept: {error}", file=sys.stderr)
    return _report(checks, found, told)


def _tell(check: Check, told: str) -> None:
    if told == "lines":
        print(json.dumps({"check": asdict(check)}, ensure_ascii=False), flush=True)
    elif told == "text":
        mend = f"  -> {check.mend}" if check.mend else ""
        print(f"{GLYPHS[check.state]} {check.state:<4} {check.name}: {check.detail}{mend}", flush=True)


def _report(checks: list[Check], found: Mapping[str, Sequence[Fact]], told: str) -> int:
    ready = healthy(checks)
    if told == "json":
        print(json.dumps(record(checks, found), indent=2, ensure_ascii=False))
    elif told == "lines":
        print(json.dumps({"environment": record(checks, found)["environment"]}, ensure_ascii=False), flush=True)
    else:
        for title, facts in found.items():
            print(f"\n{title}")
            for fact in facts:
                print(f"  {fact.name:<28} {fact.value}{f'  ({fact.note})' if fact.note else ''}")
        problems = sum(check.state == "fail" for check in checks)
        print("\nready" if ready else f"\nnot ready: {problems} to mend")
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main())
