"""A YAML text with the places of everything in it: what stands where, and the text with one entry changed.

A comment is never lost: where its line goes, it stays as a line of its own.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from io import StringIO
from typing import Any

from experiments.config_diff import same
from pipeseg.errors import BadInput

_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*", re.MULTILINE)
_ALIAS = re.compile(r"\s*:\s*(\*[^\s,\]}]+)")
_ANCHOR = re.compile(r"&\S+\s+")
Path = tuple[str, ...]


class CannotEdit(Exception):
    """The text is written in a way that cannot be changed piece by piece."""


class Order:
    """Where a new key belongs among those that are there."""

    def __init__(self, keys: Iterable[str]):
        self.places = {key: index for index, key in enumerate(keys)}

    def before(self, prefix: Path, present: Sequence[str], new: str) -> int | None:
        """Return the index in `present` of the key to stand behind, None for the last."""

        def place(name: str) -> int | None:
            dotted = ".".join((*prefix, name))
            known = [index for key, index in self.places.items() if key == dotted or key.startswith(f"{dotted}.")]
            return min(known, default=None)

        own = place(new)
        if own is None:
            return None
        ahead = [(there, index) for index, name in enumerate(present) if (there := place(name)) is not None]
        ahead = [(there, index) for there, index in ahead if there < own]
        return max(ahead)[1] if ahead else None


def nested(path: Sequence[str], value: object) -> object:
    """Return `{a: {b: value}}` for the path a, b."""
    for part in reversed(path):
        value = {part: value}
    return value


class Page:
    """A YAML text with the places of everything in it."""

    def __init__(self, text: str):
        from ruamel.yaml import YAML

        self.text = text
        self.root = YAML(typ="safe", pure=True).compose(text)
        if self.root is not None and not self.is_mapping(self.root):
            self.root = None

    # -- what stands where ---------------------------------------------------------------------------------------

    @staticmethod
    def is_mapping(node: Any) -> bool:
        return node.id == "mapping"

    @staticmethod
    def is_alias(key: Any, node: Any) -> bool:
        return node.start_mark.index < key.end_mark.index

    def is_null(self, node: Any) -> bool:
        return node.id == "scalar" and node.tag == "tag:yaml.org,2002:null"

    def plain(self, node: Any) -> object:
        """Return the value of a node, without tags of our own."""
        from ruamel.yaml import YAML

        constructor = YAML(typ="safe", pure=True).constructor
        return constructor.construct_document(deepcopy(node))

    def find(self, node: Any, path: Path) -> tuple[Any, Any, Path] | None:
        """Return key, value and what is left of the path; a key may itself hold dots."""
        entries = {key.value: (key, value) for key, value in node.value if key.id == "scalar"}
        for length in range(len(path), 0, -1):
            if (found := entries.get(".".join(path[:length]))) is not None:
                return *found, path[length:]
        return None

    def span(self, key: Any, node: Any) -> tuple[int, int]:
        """Return where the value of `key` stands, without its anchor and without what follows on the line."""
        if self.is_alias(key, node):
            if not (match := _ALIAS.match(self.text, key.end_mark.index)):
                raise CannotEdit
            return match.start(1), match.end(1)
        start = self.start(node)
        if start == node.end_mark.index:  # nothing is written there
            colon = self.colon(key)
            return colon, colon
        return start, self.end(node)

    def start(self, node: Any) -> int:
        index = node.start_mark.index
        match = _ANCHOR.match(self.text, index) if node.anchor else None
        return match.end() if match else index

    def colon(self, key: Any) -> int:
        return self.text.index(":", key.end_mark.index) + 1

    def is_block(self, node: Any) -> bool:
        return node.style in ("|", ">") if node.id == "scalar" else not node.flow_style

    def end(self, node: Any) -> int:
        """Return where a value ends; of a block, where its last line does."""
        start, end = node.start_mark.index, node.end_mark.index
        if not self.is_block(node):
            return end
        if node.id == "scalar":
            return start + len(self.text[start:end].rstrip())
        lines = self.text[start:end].splitlines(keepends=True)
        while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith(("#", "..."))):
            lines.pop()
        return start + len("".join(lines).rstrip("\n"))

    def line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def line_end(self, index: int) -> int:
        end = self.text.find("\n", index)
        return len(self.text) if end < 0 else end

    def comments(self, low: int, high: int, nodes: Iterable[Any]) -> list[str]:
        """Return the comments between two places, without what only looks like one inside a text."""
        scalars = [
            (each.start_mark.index, self.end(each)) for node in nodes for each in _leaves(node) if each.id == "scalar"
        ]
        return [
            match[0].rstrip()
            for match in _COMMENT.finditer(self.text, low, high)
            if not any(start <= match.start() < end for start, end in scalars)
        ]

    # -- changed texts -------------------------------------------------------------------------------------------

    def appended(self, path: Path, value: object) -> str:
        head = self.text if not self.text or self.text.endswith("\n") else f"{self.text}\n"
        return head + "".join(f"{line}\n" for line in _lines(path, value, 0))

    def added(self, node: Any, path: Path, value: object, order: Order, prefix: Path) -> str:
        if node.flow_style:
            entry = write(nested(path, value), in_flow=True)[1:-1]
            if not node.value:
                at = self.start(node) + 1
                return f"{self.text[:at]}{entry}{self.text[at:]}"
            at = self.span(*node.value[-1])[1]
            return f"{self.text[:at]}, {entry}{self.text[at:]}"
        names = [key.value if key.id == "scalar" else "" for key, _ in node.value]
        place = order.before(prefix, names, path[0])
        key, child = node.value[-1 if place is None else place]
        at = self.line_end(max(self.span(key, child)[1], key.end_mark.index))
        lines = _lines(path, value, node.value[0][0].start_mark.column)
        return self.text[:at] + "".join(f"\n{line}" for line in lines) + self.text[at:]

    def replaced(self, key: Any, node: Any, value: object) -> str:
        if not self.is_alias(key, node):
            if same(old := self.plain(node), value) and not self.is_null(node):
                return self.text
            if isinstance(value, (list, tuple)) and value and isinstance(old, list) and self.is_block(node):
                try:
                    return self._items(node, old, value)
                except CannotEdit:
                    pass
        start, end = self.span(key, node)
        is_block = start >= key.end_mark.index and node.id != "alias" and self.is_block(node) and start != end
        in_flow = self._in_flow(key)
        new = _quoted(value, node) or write(value, in_flow)
        indent = " " * key.start_mark.column
        if is_block and not self.is_alias(key, node):
            colon, row_end = self.colon(key), self.line_end(key.end_mark.index)
            low = min(row_end, start)
            rescued = self.comments(low, end, [node])
            # what stands between the colon and the end of the row: an anchor, a comment
            head = self.text[colon:low].rstrip()
            anchored = _ANCHOR.match(f"{head.lstrip()} ") if node.anchor else None
            if anchored:
                head = head.lstrip()[anchored.end() - 1 :]
                new = f"{anchored[0].strip()} {new}"
            made = f"{self.text[:colon]} {new}{head}"
            return made + "".join(f"\n{indent}{line}" for line in rescued) + self.text[end:]
        rescued = self.comments(start, end, [] if self.is_alias(key, node) else [node])
        if start == end:
            new = f" {new}"
        row_end = self.line_end(end)
        tail = self.text[end:row_end]
        if "\n" not in self.text[start:end]:
            tail = _keep_column(tail, len(new) - (end - start))
        extra = "".join(f"\n{indent}{line}" for line in rescued)
        return self.text[:start] + new + tail + extra + self.text[row_end:]

    def removed(self, chain: list[tuple[Any, Any, Any]]) -> str:
        mapping, key, child = chain[-1]
        end = max(self.span(key, child)[1], key.end_mark.index)
        if mapping.flow_style:
            return self._without(mapping, key, end)
        if len(mapping.value) == 1:
            if len(chain) > 1:
                _, above, node = chain[-2]
                return self._emptied(above, node)
            return self._emptied(None, mapping)
        low = self.line_start(key.start_mark.index)
        if self.text[low : key.start_mark.index].strip():
            raise BadInput(f"{key.value}: cannot be removed here; change it in the text")
        high = min(len(self.text), self.line_end(end) + 1)
        nodes = [] if self.is_alias(key, child) else [child]
        rescued = self.comments(low, high, [key, *nodes])
        indent = self.text[low : key.start_mark.index]
        return self.text[:low] + "".join(f"{indent}{line}\n" for line in rescued) + self.text[high:]

    def _emptied(self, key: Any, node: Any) -> str:
        """A mapping without its last key is an empty one, not null."""
        if key is not None:
            return self.replaced(key, node, {})
        low, high = self.line_start(node.start_mark.index), self.line_end(self.end(node))
        rescued = self.comments(low, high, [node])
        return self.text[:low] + "\n".join([*rescued, "{}"]) + self.text[high:]

    def _without(self, mapping: Any, key: Any, end: int) -> str:
        entries = mapping.value
        index = next(index for index, (each, _) in enumerate(entries) if each is key)
        low, high = key.start_mark.index, end
        if index + 1 < len(entries):
            high = entries[index + 1][0].start_mark.index
        elif index:
            low = self.span(*entries[index - 1])[1]
        rescued = self.comments(low, high, [key, entries[index][1]])
        made = self.text[:low] + self.text[high:]
        row_end = made.find("\n", low)
        row_end = len(made) if row_end < 0 else row_end
        if "\n" not in self.text[low:high]:
            made = made[:low] + _keep_column(made[low:row_end], low - high) + made[row_end:]
            row_end = made.find("\n", low)
            row_end = len(made) if row_end < 0 else row_end
        indent = " " * key.start_mark.column
        return made[:row_end] + "".join(f"\n{indent}{line}" for line in rescued) + made[row_end:]

    def _items(self, node: Any, old: Sequence[object], new: Sequence[object]) -> str:
        """Change a list of one item a line, item by item, so that comments stay at the items that stay."""
        cuts: list[tuple[int, int, str]] = []
        dash = self.text.rfind("-", self.line_start(node.value[0].start_mark.index), node.value[0].start_mark.index)
        indent = " " * (dash - self.line_start(dash))
        for index, item in enumerate(node.value):
            if item.start_mark.index < node.start_mark.index:
                raise CannotEdit
            start, end = self.start(item), self.end(item)
            if index >= len(new):
                low, high = self.line_start(start), self.line_end(end)
                rescued = self.comments(low, high, [item])
                cuts.append((low - 1, high, "".join(f"\n{indent}{line}" for line in rescued)))
            elif not same(old[index], new[index]):
                if item.id != "scalar" or self.is_block(item):
                    raise CannotEdit
                value = _quoted(new[index], item) or write(new[index], in_flow=False)
                row_end = self.line_end(end)
                cuts.append((start, row_end, value + _keep_column(self.text[end:row_end], len(value) - end + start)))
        if len(new) > len(old):
            at = self.line_end(self.end(node.value[-1]))
            added = "".join(f"\n{indent}- {write(value, in_flow=False)}" for value in new[len(old) :])
            if cuts and cuts[-1][1] == at:
                cuts[-1] = (cuts[-1][0], at, cuts[-1][2] + added)
            else:
                cuts.append((at, at, added))
        text = self.text
        for low, high, value in reversed(cuts):
            text = text[:low] + value + text[high:]
        return text

    def _in_flow(self, key: Any) -> bool:
        def inside(node: Any) -> bool:
            if node.id == "scalar" or not node.start_mark.index <= key.start_mark.index < node.end_mark.index:
                return False
            parts = [part for entry in node.value for part in (entry if isinstance(entry, tuple) else (entry,))]
            return bool(node.flow_style) or any(inside(part) for part in parts)

        return inside(self.root)


def _leaves(node: Any) -> Iterable[Any]:
    yield node
    if node.id != "scalar":
        for entry in node.value:
            for part in entry if isinstance(entry, tuple) else (entry,):
                yield from _leaves(part)


def _lines(path: Path, value: object, indent: int) -> list[str]:
    """Return new lines of a block mapping: one key a line."""
    rows = [f"{' ' * (indent + 2 * depth)}{write(part, False)}:" for depth, part in enumerate(path)]
    rows[-1] += f" {write(value, in_flow=False)}"
    return rows


def _keep_column(tail: str, grown: int) -> str:
    """Keep a comment that was put into a column there, as far as the new value leaves room."""
    match = re.match(r"([^#\n]*?)( {2,})(#.*)$", tail)
    return f"{match[1]}{' ' * max(1, len(match[2]) - grown)}{match[3]}" if match else tail


def _quoted(value: object, node: Any) -> str | None:
    """Return a text in the quotes that the old one had."""
    if node.id != "scalar" or not isinstance(value, str) or not value.isprintable():
        return None
    if node.style == "'":
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=False) if node.style == '"' else None


def write(value: object, in_flow: bool = False) -> str:
    """Return a value as YAML on one line.

    Args:
        in_flow: whether it stands inside brackets, where fewer texts go without quotes.
    """
    from ruamel.yaml import YAML

    if isinstance(value, str) and not value.isprintable():
        return json.dumps(value)
    yaml, output = YAML(typ="safe", pure=True), StringIO()
    yaml.width, yaml.allow_unicode = 1 << 20, True
    if isinstance(value, tuple):
        value = list(value)
    if in_flow or isinstance(value, (list, Mapping)):
        yaml.default_flow_style = True
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # keys stay in their order
        yaml.dump({"k": value}, output)
        return output.getvalue().strip()[1:-1].removeprefix("k:").strip()
    yaml.default_flow_style = False
    yaml.dump({"k": value}, output)
    return output.getvalue().strip().removeprefix("k:").strip()
