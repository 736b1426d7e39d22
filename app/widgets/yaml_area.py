"""A text area for YAML, coloured without a parser: comments, keys, strings, numbers and words stand out."""

import re
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from app.messages import LeftEditor

_TOKEN = re.compile(
    r"(?P<key>^\s*(?:-\s+)*[\w.\-]+(?=\s*:(?:\s|$)))"
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*')"
    r"|(?P<comment>(?:^|(?<=\s))#.*)"
    r"|(?P<number>(?<![\w.])[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<word>(?<![\w.])(?:true|false|null|True|False|~)(?![\w.]))"
)


class YamlArea(TextArea):
    """Tab indents by two, Esc leaves.

    Attributes:
        marks: line (from 0) -> sign for the gutter.
    """

    BINDINGS: ClassVar = [Binding("escape", "leave", show=False, priority=True)]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id, show_line_numbers=True, tab_behavior="indent", soft_wrap=False, highlight_cursor_line=True
        )
        self.indent_width = 2
        self._marks: dict[int, str] = {}

    def on_mount(self) -> None:
        self._apply_colours()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._apply_colours())

    def action_leave(self) -> None:
        self.post_message(LeftEditor())

    @property
    def marks(self) -> dict[int, str]:
        return self._marks

    @marks.setter
    def marks(self, marks: dict[int, str]) -> None:
        if marks != self._marks:
            self._marks = marks
            self.refresh()

    def put(self, text: str) -> None:
        """Replace what differs from `text`, as one edit that undo takes back; the cursor stays at its letter."""
        old = self.text
        if text == old:
            return
        limit = min(len(old), len(text))
        low = next((index for index in range(limit) if old[index] != text[index]), limit)
        back = next((index for index in range(limit - low) if old[-1 - index] != text[-1 - index]), limit - low)
        locate = self.document.get_location_from_index  # type: ignore[attr-defined]
        self.history.checkpoint()
        self.replace(text[low : len(text) - back], locate(low), locate(len(old) - back), maintain_selection_offset=True)
        self.history.checkpoint()

    def render_line(self, y: int) -> Strip:
        """Overrides the base: a sign stands in the gutter of a marked line."""
        strip = super().render_line(y)
        sign, gutter = self._marks.get(y + self.scroll_offset.y), self.gutter_width
        if not sign or gutter < 2:
            return strip
        colour = self.app.theme_variables["warning" if sign == "!" else "error"]
        parts = [strip.crop(0, gutter - 1), Strip([Segment(sign, Style(color=colour, bold=True))]), strip.crop(gutter)]
        return Strip.join(parts)

    def _apply_colours(self) -> None:
        colours = self.app.theme_variables
        styles = {
            "key": Style(color=colours["primary"]),
            "string": Style(color=colours["success"]),
            "comment": Style(color=_solid(colours.get("foreground-darken-3", "#808080")), italic=True),
            "number": Style(color=colours["accent"]),
            "word": Style(color=colours["warning"]),
        }
        self.register_theme(TextAreaTheme(name="pipeseg-yaml", syntax_styles=styles))
        self.theme = "css"
        self.theme = "pipeseg-yaml"

    def _build_highlight_map(self) -> None:
        """Overrides the tree-sitter query: offsets are counted in UTF-8 bytes, as the base class expects."""
        self._line_cache.clear()
        self._highlights.clear()
        for row, line in enumerate(self.document.lines):
            for match in _TOKEN.finditer(line):
                start, end = (len(line[:index].encode()) for index in match.span())
                self._highlights[row].append((start, end, match.lastgroup or ""))


def _solid(colour: str) -> str:
    return colour if colour.startswith("#") and len(colour) == 7 else "#808080"


def line_of(text: str, key: str) -> int | None:
    """Return the line (from 0) on which a dotted key stands in YAML text, its nearest parent's if it is missing."""
    lines, found, depth = text.splitlines(), None, -1
    for part in key.split("."):
        pattern = re.compile(rf"[\"']?{re.escape(part)}[\"']?\s*:")
        for row in range(0 if found is None else found + 1, len(lines)):
            content = lines[row].lstrip()
            indent = len(lines[row]) - len(content)
            if not content or content.startswith("#"):
                continue
            if indent <= depth:
                return found  # the parent's block has ended
            if pattern.match(content) and (depth >= 0 or indent == 0):
                found, depth = row, indent
                break
        else:
            return found
    return found


def line_told(sentence: str) -> int | None:
    """Return the line (from 0) that a sentence about text that is no YAML begins with."""
    match = re.match(r"line (\d+): ", sentence)
    return int(match[1]) - 1 if match else None
