"""Filtering a log: which lines belong together, which warn, which are let through. Tables of cases."""

import pytest

from experiments.log_lines import ERROR, PLAIN, WARNING, LogFilter, entry_starts, lines_of, mark_of
from pipeseg.errors import BadInput

LOG = [
    "epoch 1 loss 0.50",
    "Epoch 2 LOSS 0.25 Отложения",
    "debug: loader ready",
    "epoch 10 val/iou 0.6",
]

TRACEBACK = """\
starting
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    work()
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in <module>
    mend()
ValueError: no mend
after it
lib.py:3: UserWarning: slow
  warnings.warn("slow")
end
""".splitlines()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", [0, 1, 2, 3]),
        ("epoch", [0, 1, 3]),
        ("EPOCH loss", [0, 1]),
        ("отложения", [1]),
        ("!epoch", [2]),
        ("epoch !loss", [3]),
        ("re:epoch\\s[12]\\b", [0, 1]),
        ("re:^epoch.*0$ !1", []),
        ("!re:loss|debug", [3]),
        ('"epoch 1"', [0, 3]),
        ('!"epoch 1"', [1, 2]),
        ('re:"epoch 1 l"', [0]),
        ('"epoch 10', [3]),
        ("!", []),
        ("re:", [0, 1, 2, 3]),
        ("loss re:0\\.[3-9]", [0]),
        ("nothing", []),
    ],
)
def test_what_a_filter_lets_through(text: str, shown: list[int]) -> None:
    line_filter = LogFilter.parse(text)
    assert line_filter.select(LOG) == shown
    # line by line it is the same as all at once
    assert [index for index, line in enumerate(LOG) if line_filter.matches(line)] == shown


def test_an_expression_that_is_none_is_named() -> None:
    with pytest.raises(BadInput, match=r"filter: '\(' is no regular expression"):
        LogFilter.parse("epoch re:(")


def test_an_empty_filter_is_none() -> None:
    assert not LogFilter.parse("  ")
    assert LogFilter.parse("a") and LogFilter.parse("!a") and LogFilter.parse("re:a")


def test_a_traceback_is_shown_whole_or_not_at_all() -> None:
    whole = list(range(1, 12))
    assert LogFilter.parse("keyerror").select(TRACEBACK) == whole
    assert LogFilter.parse("mend keyerror").select(TRACEBACK) == whole
    assert LogFilter.parse("!keyerror").select(TRACEBACK) == [0, 12, 13, 14, 15]
    assert LogFilter.parse("userwarning").select(TRACEBACK) == [13, 14]
    assert entry_starts(TRACEBACK) == [0, 1, 12, 13, 15]


def test_the_lines_of_a_traceback_are_errors_and_those_of_a_warning_warn() -> None:
    marks = [line.mark for line in lines_of(TRACEBACK)]
    assert marks == [PLAIN] + [ERROR] * 11 + [PLAIN, WARNING, WARNING, PLAIN]


def test_a_traceback_without_an_end_does_not_swallow_the_log() -> None:
    texts = ["Traceback (most recent call last):", *["  deeper"] * 1000]
    assert len(entry_starts(texts)) > 1


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("error: no space left", ERROR),
        ("ERROR - no space", ERROR),
        ("[error] no space", ERROR),
        ("11:09:39 error: train/loss is nan", ERROR),
        ("2026-01-01 12:00:00,123 error: no space", ERROR),
        ("11:09:39 warning: slow", WARNING),
        ("11:09:39 epoch 1, step 2: train/loss 0.1", PLAIN),
        ("RuntimeError: CUDA out of memory", ERROR),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory", ERROR),
        ("2026-01-01 12:00:00 CRITICAL it broke", ERROR),
        ("warning: GPU is hot", WARNING),
        ("2026-01-01 WARN slow", WARNING),
        ("a.py:1: DeprecationWarning: old", WARNING),
        ("epoch 1 error rate 0.1", PLAIN),
        ("0 errors, 0 warnings", PLAIN),
        ("terror: none", PLAIN),
        ("", PLAIN),
    ],
)
def test_what_a_line_says_by_itself(text: str, mark: str) -> None:
    assert mark_of(text) == mark


def test_where_the_words_stand_is_told() -> None:
    line_filter = LogFilter.parse("LOSS re:\\d+ !x")
    assert line_filter.places("loss 12 Loss") == [(0, 4), (5, 7), (8, 12)]
