"""The filter language: what it finds, and what it says when it is not understood."""

import time
from pathlib import Path

import pytest

from experiments.run_choice import Order
from experiments.run_fields import sort_runs
from experiments.run_query import BadQuery, parse
from experiments.run_view import RunView

NOW = time.mktime((2026, 6, 15, 12, 0, 0, 0, 0, -1))


def run(run_id: str = "20260614-100000-baseline-00ff", **changes: object) -> RunView:
    known = {
        "experiment": "nested/baseline",
        "stage": "baseline",
        "defect_class": "deposition",
        "status": "finished",
        "created": NOW - 86400,
        "started": NOW - 86400,
        "ended": NOW - 80000,
        "info": {"name": "First try", "user": "ann"},
        "best_iou": 0.6,
        "test": {"iou": 0.55, "dice": 0.7},
        "last": {"val/dice": 0.8, "val/iou": float("nan")},
        "epoch": 12,
        "tags": ("best", "paper/2"),
    }
    return RunView(run_id=run_id, folder=Path("/runs"), **{**known, **changes})


@pytest.mark.parametrize(
    "query",
    [
        "",
        "deposition first",
        "FIRST",
        "paper/2",
        "00ff",
        "class:dep iou>0.5 -status:failed",
        "class=deposition",
        "experiment:base",
        "experiment:nested",
        "class:d*n",
        "class!=crack",
        "iou>=0.55 iou<=0.55 iou=0.55 iou!=0.5",
        "iou > 50%",
        "val>0.59",
        "test/dice>0.69 val/dice>0.79",
        "epoch:12",
        "age<2d age>23h age>=1d",
        "age<1d1h",
        "started>2026-06-13 started<2026-06-15 started:2026-06-14 -started:2026-06-13",
        "ended<today",
        "took<3h",
        "tag:best tag:paper*",
        "has:tag -has:note -has:error",
        "(class:crack OR class:deposition) AND NOT status:lost",
        "class:crack OR status:finished -class:rupture",
        '"First try"',
        'name:"First try"',
        "user:ann",
        "lr>1e-4 lr=1e-3 config.learning_rate:0.001",
        "model:UNet* cfg.model.name=unetattention batch>=8",
        "is:any",
        "-is:archived -is:mlflow -is:active",
        "--class:deposition",
    ],
)
def test_finds(query: str) -> None:
    values = {"learning_rate": 0.001, "model.name": "UNetAttention", "batch_size": 8}
    understood = parse(query, now=NOW)
    assert understood.matches(run(), [values.get(key) for key in understood.config_keys])


@pytest.mark.parametrize(
    "query",
    [
        "crack",
        "deposition crack",
        "class:eposition",
        "class=dep",
        "iou>0.55",
        "val/iou>0",
        "val/iou<1",
        "test/recall>0",
        "test/recall<9",
        "status:failed OR stage:final",
        "age>2d",
        "started>2026-06-15",
        "has:note",
        "is:archived",
        "lr>1e-3",
        "config.nothing:x",
        "config.nothing>1",
        "-(class:deposition OR class:crack)",
    ],
)
def test_does_not_find(query: str) -> None:
    understood = parse(query, now=NOW)
    values = {"learning_rate": 0.001}
    assert not understood.matches(run(), [values.get(key) for key in understood.config_keys])


def test_archived_runs_are_hidden_unless_the_query_speaks_of_them() -> None:
    aside = run(archived=True)
    assert not parse("", now=NOW).matches(aside) and not parse("deposition").matches(aside)
    assert parse("is:archived").matches(aside) and parse("(is:archived OR -is:archived)").matches(aside)
    assert parse("is:any").matches(aside) and not parse("-is:archived").matches(aside)


@pytest.mark.parametrize(
    ("query", "at", "said"),
    [
        ("clas:x", 1, "did you mean 'class'"),
        ("iou>0.5 stat:failed", 9, "did you mean 'state'"),
        ("iou>much", 5, "'much' is no number; iou is like 0.5"),
        ("age<soon", 5, "no length of time"),
        ("started>someday", 9, "no date"),
        ("iou>", 5, "what is iou to be"),
        ("class>3", 6, "write class:3"),
        ("is:archved", 4, "did you mean 'archived'"),
        ("has:wings", 5, "there are: note"),
        ("(a OR b", 1, "not closed"),
        ("a)", 2, "closes nothing"),
        ("a OR", 5, "OR needs something after it"),
        ("OR a", 1, "OR needs something before it"),
        ("AND b", 1, "AND needs something before it"),
        ("()", 2, "nothing between"),
        ("-", 2, "needs something after it"),
        ('name:"open', 6, "is not closed"),
        ("lr>high", 4, "is no number"),
        ("(" * 100, 41, "too many brackets"),
    ],
)
def test_says_what_is_wrong_and_where(query: str, at: int, said: str) -> None:
    with pytest.raises(BadQuery) as caught:
        parse(query)
    assert caught.value.at == at and said in str(caught.value) and "\n" not in str(caught.value)


def test_a_misspelt_key_of_the_config_is_told() -> None:
    with pytest.raises(BadQuery, match=r"no config has 'batch_sise'; did you mean 'batch_size'\?"):
        parse("config.batch_sise>3", config_keys=["batch_size", "learning_rate"])
    assert parse("config.something_else>3", config_keys=["batch_size"]).config_keys == ("something_else",)


def test_any_text_is_answered() -> None:
    """Whatever is typed, half of a query too, is understood or told; nothing else."""
    whole = '(class:dep* OR -tag:"a b") iou>=5e-1 age<2d is:archived -(x) NOT y started>2026-01-01 cfg.lr=1'
    texts = {whole[start:end] for start in range(0, len(whole), 3) for end in range(start, len(whole) + 1)}
    refused = 0
    for text in texts:
        try:
            query = parse(text, now=NOW)
            query.matches(run(), [1] * len(query.config_keys))
        except BadQuery as error:
            refused += 1
            assert 1 <= error.at <= len(text) + 1, text
    assert 0 < refused < len(texts)


def test_sorting_is_by_numbers_with_what_lacks_them_last_either_way_round() -> None:
    runs = [
        run(str(place), test={} if iou is None else {"iou": iou}, best_iou=None)
        for place, iou in enumerate((0.9, None, 0.1, 0.11, float("nan")))
    ]

    def ids(order: str) -> str:
        order = Order.of(order)
        return "".join(each.run_id for each in sort_runs(runs, order.field, reverse=order.reverse, now=NOW))

    assert ids("test") == "03214" and ids("-test") == "23014"
    runs = [run(str(place), defect_class=name, created=NOW - place) for place, name in enumerate(("b", None, "A"))]
    assert ids("class") == "201" and ids("-class") == "021"
    assert ids("started") == "012" and ids("-started") == "210" and ids("age") == "012"
