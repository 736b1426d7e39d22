"""What weakens a comparison, in sentences: sides that were not trained alike, too few pictures, too few seeds."""

import math
from collections.abc import Mapping, Sequence

from experiments import statistics
from experiments.comparison import Comparison, Verdict, count_tests
from experiments.pairing import Pairing

# budgets within 5 % count as equal
STEPS_TOLERANCE = 0.05


def unequal(pairing: Pairing) -> list[str]:
    """Tell where the sides were not trained or seeded alike: the gain may come from that alone."""
    notes = []
    steps = {stage: [run.total_steps or 0 for run in runs] for stage, runs in pairing.arms.items()}
    for stage, counts in steps.items():
        if max(counts) > min(counts) * (1 + STEPS_TOLERANCE):
            notes.append(f"the {stage} runs differ in optimizer steps ({', '.join(map(str, counts))})")
    mean = {stage: sum(counts) / len(counts) for stage, counts in steps.items() if all(counts)}
    notes += _longer(mean, "equal_budget" if pairing.equal_budget else "baseline")
    seeds = {stage: [run.seed for run in runs] for stage, runs in pairing.arms.items()}
    if any(each != seeds["baseline"] for each in seeds.values()):
        sides = ", ".join(f"{stage} {' '.join(map(str, each))}" for stage, each in seeds.items())
        notes.append(f"not every side has the same seeds ({sides})")
    return notes


def _longer(steps: Mapping[str, float], other: str) -> list[str]:
    """Tell how the final's mean steps compare with those of the side that should have had as many."""
    if not {"final", other} <= steps.keys():
        return []
    ratio = steps["final"] / steps[other]
    told = f"final had {ratio:.1f}x the optimizer steps of the {other}"
    if ratio > 1 + STEPS_TOLERANCE:
        return [told + "; a run of stage equal_budget would tell what more steps alone bring" * (other == "baseline")]
    # an equal budget counts the teachers' steps as well, so it may be larger
    return [told] if other == "baseline" and ratio < 1 / (1 + STEPS_TOLERANCE) else []


def weaknesses(rows: Sequence[Comparison]) -> list[str]:
    """Tell what the judged rows cannot prove, whatever their numbers look like."""
    notes, tests = [], count_tests(rows)
    for row in rows:
        if row.n_groups is None:
            continue
        if row.n_groups < (fewest := statistics.fewest_groups()):
            groups = "one group" if row.n_groups == 1 else f"{row.n_groups} groups"
            notes.append(
                f"{row.defect_class}: {groups} of test images cannot reach p < 0.05, whatever the difference;"
                f" it takes {fewest}"
            )
        elif row.n_groups < (fewest := statistics.fewest_groups(tests)):
            notes.append(
                f"{row.defect_class}: {row.n_groups} groups of test images are too few to stand out among {tests}"
                f" verdicts; {fewest} are enough"
            )
        sd, seeds = row.seed_sd_difference, len(row.seeds)
        if row.verdict != Verdict.NO_EVIDENCE and sd is not None and abs(row.increase) < 2 * sd / math.sqrt(seeds):
            notes.append(
                f"{row.defect_class}: {row.verdict} on these images, but the difference itself moves by"
                f" {100 * sd:.1f} pp (sd) from seed to seed; train more seeds"
            )
    single = [row.defect_class for row in rows if len(row.seeds) == 1 and row.kind == "class"]
    if single:
        notes.append(f"one seed only ({', '.join(single)}): another seed may move the difference as much as the images")
    return notes
