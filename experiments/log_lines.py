"""Which lines of a log belong together, which of them warn, and which a filter lets through."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeseg.errors import BadInput

# what a line is, for colour and glyph
PLAIN, WARNING, ERROR = "", "warning", "error"
# a traceback that never ends is none
LONGEST_ENTRY = 400

_TRACEBACK = "Traceback (most recent call last)"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_WARNING_LINE = re.compile(r"\w*Warning: ")
_ERRORS = re.compile(
    # at the beginning, with or without a time before it
    r"(?i:^\W{0,3}(?:\d[\d:.,/TZ+-]*\s+){0,2}\W{0,3}(?:error|critical|fatal)\b(?=\s*[]:|]|$))|\b(?:[A-Z]\w*)?(?:Error|Exception)\b(?=:|$)|\b(?:ERROR|CRITICAL|FATAL)\b"
)
_WARNINGS = re.compile(r"(?i:^.{0,50}\bwarning\b)|\w*Warning\b|\bWARN(?:ING)?\b")
_MARK_WITHIN = 200
# no line without one of these is marked; most lines have none
_SIGNS = ("error", "exception", "critical", "fatal", "warn")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log, as a terminal would show it.

    Attributes:
        mark: `PLAIN`, `WARNING` or `ERROR`.
        joined: whether it goes on with the line before it, as the lines of a traceback do.
    """

    text: str
    mark: str = PLAIN
    joined: bool = False


class Joiner:
    """Tells line by line what belongs to the line before: tracebacks, chained ones too, and what a warning quotes."""

    def __init__(self) -> None:
        self.state, self.length = "", 0

    def joins(self, text: str) -> bool:
        self.length += 1
        if self.length > LONGEST_ENTRY:
            self.state = ""
        match self.state:
            case "traceback":
                if text and not text.startswith((" ", "|", "+")):
                    self.state = "ended"  # the line that names the error
                return True
            case "ended" | "chained" if not text:
                return True
            case "ended" if text.startswith(_CHAINED):
                self.state = "chained"
                return True
            case "chained" if _TRACEBACK in text:
                self.state = "traceback"
                return True
            case "warning" if text.startswith("  "):
                return True
        self.state, self.length = "", 0
        if _TRACEBACK in text:
            self.state = "traceback"
        elif "Warning: " in text and _WARNING_LINE.search(text):
            self.state = "warning"
        return False

    @property
    def is_error(self) -> bool:
        """Whether the last line asked about is part of a traceback."""
        return self.state in ("traceback", "ended", "chained")


def mark_of(text: str) -> str:
    """Return what one line says by itself: `PLAIN`, `WARNING` or `ERROR`."""
    head = text[:_MARK_WITHIN]
    folded = head.casefold()
    if not any(sign in folded for sign in _SIGNS):
        return PLAIN
    if _ERRORS.search(head):
        return ERROR
    return WARNING if _WARNINGS.search(head) else PLAIN


def lines_of(texts: Iterable[str]) -> list[Line]:
    """Return texts as lines that know what they are and where they belong."""
    joiner, found = Joiner(), []
    for text in texts:
        joined = joiner.joins(text)
        if joiner.is_error:
            mark = ERROR
        elif joined:
            mark = found[-1].mark
        else:
            mark = mark_of(text)
        found.append(Line(text, mark, joined))
    return found


def entry_starts(texts: Sequence[str]) -> list[int]:
    """Return the indices of the lines that do not go on with the one before."""
    joiner = Joiner()
    return [index for index, text in enumerate(texts) if not joiner.joins(text) or index == 0]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What of a log is shown; made from a text by `parse`. What belongs together is shown together or not at all.

    Attributes:
        wanted: casefolded texts that must all be there.
        unwanted: casefolded texts of which none may be there.
        patterns: (regular expression, whether it must be there).
    """

    text: str
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    patterns: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "LogFilter":
        """Read `epoch`, `!debug`, `re:val/iou 0\\.[5-9]`, `"two words"` and several of them, in any case of letters.

        Words are separated by spaces; a regular expression reaches to the next space too, unless it is quoted:
        `re:"two words"`.

        Raises:
            BadInput: a regular expression that is none.
        """
        wanted, unwanted, patterns = [], [], []
        for word in _words(text):
            excludes = word.startswith("!") and len(word) > 1
            word = word[1:] if excludes else word
            if word.startswith("re:"):
                body = _unquoted(word[3:])
                if not body:
                    continue
                try:
                    patterns.append((re.compile(body, re.IGNORECASE | re.MULTILINE), not excludes))
                except re.error as error:
                    raise BadInput(
                        f"filter: {body!r} is no regular expression ({error}); leave `re:` out to look for it as text"
                    ) from error
            elif body := _unquoted(word).casefold():
                (unwanted if excludes else wanted).append(body)
        return cls(text.strip(), tuple(wanted), tuple(unwanted), tuple(patterns))

    def __bool__(self) -> bool:
        return bool(self.wanted or self.unwanted or self.patterns)

    def matches(self, text: str) -> bool:
        """Tell whether a text passes; several lines that belong together are one text."""
        if self.wanted or self.unwanted:
            folded = text.casefold()
            if not all(word in folded for word in self.wanted) or any(word in folded for word in self.unwanted):
                return False
        return all((pattern.search(text) is not None) == must for pattern, must in self.patterns)

    def places(self, text: str) -> list[tuple[int, int]]:
        """Return where in one line that what is wanted stands, as (begin, end)."""
        patterns = [re.compile(re.escape(word), re.IGNORECASE) for word in self.wanted]
        patterns += [pattern for pattern, must in self.patterns if must]
        return sorted(found.span() for pattern in patterns for found in pattern.finditer(text) if found.group())

    def select(self, texts: Sequence[str]) -> list[int]:
        """Return the indices of the lines that are shown."""
        whole = "\n".join(texts)
        if not self._may_match_within(whole):
            return []
        if _TRACEBACK not in whole and "Warning: " not in whole:
            return self._each(texts, whole.casefold().split("\n"))
        starts = entry_starts(texts)
        shown: list[int] = []
        for begin, end in zip(starts, [*starts[1:], len(texts)], strict=True):
            if self.matches("\n".join(texts[begin:end])):
                shown += range(begin, end)
        return shown

    def _may_match_within(self, whole: str) -> bool:
        folded = whole.casefold()
        return all(word in folded for word in self.wanted)

    def _each(self, texts: Sequence[str], folded: list[str]) -> list[int]:
        """Select lines of which each stands for itself; a pass for each word is faster than a call for each line."""
        found = list(range(len(texts)))
        for word in self.wanted:
            found = [index for index in found if word in folded[index]]
        for word in self.unwanted:
            found = [index for index in found if word not in folded[index]]
        for pattern, must in self.patterns:
            found = [index for index in found if (pattern.search(texts[index]) is not None) == must]
        return found


def _words(text: str) -> list[str]:
    """Split at spaces outside of double quotes; the quotes stay."""
    return re.findall(r'(?:[^\s"]|"[^"]*"?)+', text)


def _unquoted(word: str) -> str:
    return word[1:].removesuffix('"') if word.startswith('"') else word
