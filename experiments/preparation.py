"""The steps that make data: a cleaned copy of a dataset, and its train, val and test sets."""

from collections.abc import Callable
from pathlib import Path

from pipeseg.errors import BadInput
from pipeseg.run import Run
from pipeseg.schema import CleanConfig, SplitConfig


def _ticking(run: Run, phase: str) -> Callable[[int, int], None]:
    def tick(done: int, total: int) -> None:
        run.progress(done, total, phase=phase)
        run.obey(lambda: None)

    return tick


def clean_dataset(run: Run) -> None:
    """Audit the source and write the cleaned dataset, with what was withdrawn in its quarantine.

    Raises:
        BadInput: the source cannot be read, a class that it does not hold, or the target is there and not to be
            replaced.
        StopRequested: nothing has been written.
    """
    from pipeseg.data.audit.audit import audit
    from pipeseg.data.audit.report import headline
    from pipeseg.data.cleaning import Choices, check_choices, clean
    from pipeseg.data.formats import read_source
    from pipeseg.run_directory import write_json

    config = run.config
    assert isinstance(config, CleanConfig)
    datasets = run.settings.datasets_dir
    target = datasets / config.target_dataset
    _check_target(target, datasets / config.source_dataset, config.replace)
    source = read_source(datasets / config.source_dataset)
    choices = Choices(config.keep_duplicates, tuple(config.drop), config.min_images)
    check_choices(choices, source)
    tick = _ticking(run, f"auditing {config.source_dataset}")
    found = audit(source, content=config.content, learn=config.learn, tick=tick)
    write_json(run.directory.results / "audit.json", found.as_json())
    run.message(headline(found))
    cleaned = clean(source, found, target, choices, tick=_ticking(run, f"writing {target.name}"))
    gone = sum(item.what == "picture" for item in cleaned.withdrawn)
    run.message(
        f"{target.name}: {len(cleaned.entries) - gone} pictures; {len(cleaned.withdrawn)} items in its quarantine.csv"
    )


def _check_target(target: Path, source: Path, replace: bool) -> None:
    from pipeseg.data.quarantine import FOLDER, TABLE

    if target.resolve() == source.resolve():
        raise BadInput(f"cleaned_dataset: {target.name} is the source itself; choose another name")
    if not target.exists():
        return
    if not (target / FOLDER / TABLE).is_file():
        raise BadInput(f"{target}: exists and was not made by cleaning; choose another cleaned_dataset")
    if not replace:
        raise BadInput(
            f"{target}: exists already, and was made or changed by hand; set replace=true, another cleaned_dataset, or"
            " take it as the source"
        )


def split_dataset(run: Run) -> None:
    """Write the train, val and test set of one class, or of every class that the labels name.

    Sets that are there already and that this split would write just so are kept.

    Raises:
        BadInput: labels cannot be used, or sets of another draw are there and not to be replaced.
        StopRequested: the sets of the classes before are whole.
    """
    from pipeseg.data.hand import HandLabels
    from pipeseg.data.names import BOX_SUFFIXES, SUFFIXES
    from pipeseg.data.splits import SplitRatios, split_labels
    from pipeseg.data.verify import overlaps_of

    config = run.config
    assert isinstance(config, SplitConfig)
    source = run.settings.datasets_dir / config.source_dataset
    reading = _ticking(run, f"reading {source.name}")
    of_boxes = config.labels == "boxes"
    if of_boxes:
        labels = HandLabels.of_boxes(source, config.defect_class, say=run.message, tick=reading)
    else:
        labels = HandLabels.open(source, say=run.message, tick=reading)
    for name in [config.defect_class] if config.defect_class else labels.classes:
        sets = split_labels(
            labels,
            name,
            ratios=SplitRatios(config.test, config.validation, config.clean),
            seed=config.seed,
            suffixes=BOX_SUFFIXES if of_boxes else SUFFIXES,
            replace=config.replace,
            say=run.message,
            tick=_ticking(run, f"splitting {name or source.name}"),
        )
        run.message(f"{name or source.name}: {', '.join(f'{each.part} {len(each.files)}' for each in sets)} pictures")
        for sentence in overlaps_of(sets[0].target):
            run.warn(sentence)
