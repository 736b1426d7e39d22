"""The table at the end of `launch study --wait`: the comparison of the study's own runs, on stdout."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeseg.run_directory import RunDirectory


def print_comparison(directory: "RunDirectory") -> None:
    """Print the table of a study that has compared its runs; nothing for any other run."""
    from experiments.commands.compare import compare
    from experiments.study_results import COMPARISON, pairs_of

    if (directory.results / COMPARISON).is_file():
        baselines, finals = pairs_of(directory.results)
        compare(baseline=baselines, final=finals)
