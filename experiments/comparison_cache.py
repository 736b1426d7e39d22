"""What the dashboard keeps of comparisons: shown at once the next time, each with its age."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments.comparison import Comparison
from experiments.comparison_report import Report, from_json, to_json
from experiments.image_changes import ClassImages, file_name
from experiments.picture_archives import Archives
from experiments.state_folder import cache_folder
from pipeseg.run_directory import write_atomically
from pipeseg.settings import Settings

FOLDER = ".compare"
# of archives with pictures; what was not looked at for longest goes first
MOST_BYTES = 512 * 1024 * 1024


def folder(settings: Settings) -> Path:
    return cache_folder(settings) / FOLDER


def pictures_folder(settings: Settings) -> Path:
    return folder(settings) / "pictures"


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def report_file(settings: Settings, baseline: Iterable[str] = (), final: Iterable[str] = ()) -> Path:
    """Return where the comparison of these runs is kept, of the latest where none are named."""
    return folder(settings) / f"report-{_key(settings.tracking_uri, sorted(baseline), sorted(final))}.json"


def images_folder(settings: Settings, baseline: Iterable[str] = (), final: Iterable[str] = ()) -> Path:
    """Return where the scores of every picture of a comparison are kept, beside its table."""
    return report_file(settings, baseline, final).with_suffix("")


def kept_images(folder: Path, row: Comparison) -> ClassImages | None:
    """Return both scores of every picture of a row; None where there are none, or those of other runs."""
    found = kept(folder / file_name(row.defect_class, row.metric))
    try:
        images = ClassImages.from_record(found or {})
    except (KeyError, TypeError):
        return None
    mine = (row.defect_class, row.metric, row.baseline_runs, row.final_runs)
    return images if mine == (images.defect_class, images.metric, images.baseline_runs, images.final_runs) else None


def archives_file(settings: Settings, report: Report, row: Comparison) -> Path:
    """Return where it is kept which archives hold the pictures of a row; a run that has ended again has others."""
    ids = row.baseline_runs + row.final_runs
    runs = [(run_id, found.ended if (found := report.run(run_id)) else None) for run_id in ids]
    return folder(settings) / f"archives-{_key(settings.tracking_uri, row.defect_class, runs)}.json"


def kept_archives(path: Path) -> Archives | None:
    """Return where the pictures of a row lie; None where that is not known, or they are gone."""
    try:
        archives = Archives.from_record(kept(path) or {})
    except (KeyError, TypeError):
        return None
    return archives if archives.are_there else None


def kept_report(path: Path) -> Report | None:
    """Return a kept comparison; None where there is none, or one that an older version wrote."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep_report(path: Path, report: Report) -> None:
    keep(path, to_json(report))


def kept(path: Path) -> dict[str, Any] | None:
    """Return a kept JSON object, None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def keep(path: Path, text: str) -> None:
    """Raises: OSError: the folder cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)


def prune(pictures: Path, most: int = MOST_BYTES) -> list[Path]:
    """Take away the archives that were not looked at for longest, until the rest fits; return them."""
    found = [(path, path.stat()) for path in pictures.glob("*.zip")]
    found.sort(key=lambda each: each[1].st_mtime, reverse=True)
    total, gone = 0, []
    for path, stat in found:
        total += stat.st_size
        if total > most:
            path.unlink(missing_ok=True)
            gone.append(path)
    return gone
