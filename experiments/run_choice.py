"""Which runs are shown, and in which order: those here and those that MLflow knows, filtered and sorted."""

import heapq
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.mlflow_runs import config_of
from experiments.run_fields import Field, find_field, sort_runs
from experiments.run_query import Query, parse
from experiments.run_view import RunView
from experiments.runs import config_values
from pipeseg.settings import Settings


@dataclass(frozen=True, slots=True)
class Order:
    """How runs are sorted: largest or newest first, texts from A; `reverse` the other way round."""

    field: Field
    reverse: bool = False

    @classmethod
    def of(cls, text: str) -> "Order":
        """Understand `iou` or `-iou`.

        Raises:
            BadInput: no such field.
        """
        return cls(find_field(text.removeprefix("-")), text.startswith("-"))


NEWEST = Order.of("started")


@dataclass(frozen=True, slots=True)
class Choice:
    """The runs that are shown.

    Attributes:
        unread: of how many the config was asked for that nobody had time to read yet; they are not among `runs`.
    """

    runs: list[RunView]
    unread: int = 0


def together(here: Sequence[RunView], elsewhere: Sequence[RunView]) -> list[RunView]:
    """Join two lists that are newest first; a run that is here is not taken from MLflow again."""
    if not elsewhere:
        return list(here)
    ids = {run.run_id for run in here}
    others = [run for run in elsewhere if run.run_id not in ids]
    return list(heapq.merge(here, others, key=lambda run: run.created, reverse=True))


def choose(
    settings: Settings,
    runs: Sequence[RunView],
    query: Query,
    order: Order = NEWEST,
    *,
    seconds: float | None = None,
) -> Choice:
    """Filter and sort.

    Args:
        runs: newest first, as `look` has listed them, and those of MLflow.
        seconds: to read configs for, where the query asks for them; the rest is `unread`.
    """
    keys = list(query.config_keys)
    if order.field.config_key and order.field.config_key not in keys:
        keys.append(order.field.config_key)
    config, unread = _configs(settings, runs, keys, seconds) if keys else (_no_config, 0)
    chosen = [run for run in runs if (values := config(run)) is not None and query.matches(run, values)]
    if order == NEWEST:
        return Choice(chosen, unread)
    place = keys.index(order.field.config_key) if order.field.config_key else 0
    by = (lambda run: (config(run) or [None] * len(keys))[place]) if keys else (lambda run: None)
    return Choice(sort_runs(chosen, order.field, reverse=order.reverse, config=by), unread)


def _no_config(run: RunView) -> Sequence[Any]:
    return ()


def _configs(
    settings: Settings, runs: Sequence[RunView], keys: list[str], seconds: float | None
) -> tuple[Callable[[RunView], Sequence[Any] | None], int]:
    """Return what gives the values of `keys` of a run (None: not read yet), and how many are unread."""
    values, unread = config_values(settings, keys, seconds)
    for run in runs:
        if run.elsewhere:
            config = config_of(run)
            values[run.run_id] = tuple(config.get(key) for key in keys)
    return lambda run: values.get(run.run_id), unread


def known_config_keys(runs: Sequence[RunView], newest: int = 3) -> Collection[str]:
    """Return the keys that the configs of the newest runs have: to tell what was meant by a misspelt one."""
    from experiments.config_diff import flat
    from pipeseg.config import ConfigError, read_yaml

    keys: dict[str, None] = {}
    for run in runs[:newest]:
        try:
            keys |= dict.fromkeys(config_of(run) if run.elsewhere else flat(read_yaml(run.path / "config.yaml")))
        except ConfigError:
            continue
    return list(keys)


def understood(text: str, runs: Sequence[RunView], now: float | None = None) -> Query:
    """Parse a query; the keys of configs are looked up only where it names some.

    Raises:
        BadQuery: see `run_query.parse`.
    """
    query = parse(text, now=now)
    return parse(text, now=now, config_keys=known_config_keys(runs)) if query.config_keys else query
