"""One class picture by picture: where it gained and where it lost, and what both sides see there."""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from app import messages
from app.action import bindings, readable_key
from app.compare_actions import ALWAYS, DRILL_ACTIONS, KEY_BAR
from app.compare_view import change, class_name, interval, points, probability, verdict
from app.compare_words import metric_word
from app.comparison import Question
from app.language import N_, _
from app.screens.painted import ARROWS, PaintedScreen
from app.text import escape, score
from app.widgets.grid import Column, Grid, Row
from app.widgets.image_scatter import ImageScatter
from app.widgets.picture_view import PictureView
from experiments.comparison import LOWER_IS_BETTER, Comparison, Verdict
from experiments.image_changes import ORDERS, ClassImages, ImageChange, ordered
from experiments.picture_archives import Archives
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from experiments.comparison_report import Report

_COLUMNS = (
    (N_("change"), 8, True, False, 100),
    (N_("baseline"), 8, True, False, 90),
    (N_("final"), 6, True, False, 95),
    (N_("picture"), 10, False, True, 98),
    (N_("group"), 8, False, True, 10),
)
_ORDER_WORDS = {
    "changed": N_("most changed first"),
    "lost": N_("most lost first"),
    "gained": N_("most gained first"),
    "worst": N_("worst final first"),
    "name": N_("by name"),
}


@dataclass
class ScoresRead(Message):
    """Both scores of every picture are there."""

    images: ClassImages


@dataclass
class PicturesFetched(Message):
    """It is known where the pictures lie."""

    archives: Archives


@dataclass
class NotRead(Message):
    """One sentence says why there is not more."""

    problem: str


class ImageGrid(Grid):
    """A click chooses a picture, Enter looks closer."""

    BINDINGS: ClassVar = [Binding("enter", "screen.large", show=False)]


class DrillDown(PaintedScreen):
    """List, plot and pictures go together: whichever moves, the others follow.

    Args:
        row: of one class and metric, from `report`, which answers `question`.

    Attributes:
        scores, archives: None until they are read.
        is_read: whether nothing more is to come.
    """

    BINDINGS: ClassVar = [
        *bindings(DRILL_ACTIONS),
        *(Binding(key, f"arrow({key!r})", show=False) for key in ARROWS),
        Binding("ctrl+q", "app.quit", show=False),
    ]

    def __init__(self, settings: Settings, question: Question, report: "Report", row: Comparison) -> None:
        super().__init__(settings)
        self.question, self.report, self.row = question, report, row
        self.scores: ClassImages | None = None
        self.archives: Archives | None = None
        self.is_read = False
        self._progress = 0, 0
        self.order = ORDERS[0]
        self.images: list[ImageChange] = []
        self._began = time.monotonic()

    def compose(self) -> ComposeResult:
        columns = [Column(_(title), width, right, grow, keep) for title, width, right, grow, keep in _COLUMNS]
        yield Static(id="drill-title")
        yield Static(id="drill-words")
        with Horizontal(id="drill-upper"):
            yield ImageScatter(id="drill-scatter")
            yield ImageGrid(columns, empty=f" {_('reading …')}", id="drill-grid")
        yield Input(placeholder=_("letters of a name or group; Enter keeps them, Esc shows all"), id="drill-search")
        yield Static(id="drill-image")
        yield PictureView(id="drill-picture")
        yield Static(id="drill-keys")

    def on_mount(self) -> None:
        self.query_one(Grid).focus()
        self.query_one("#drill-words", Static).update(words(self.row))
        self.set_interval(1.0, self._tell_age)
        self._tell_age()
        self._draw_title()
        self._draw_keys()
        self._read()

    # -- reading -------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        import asyncio

        from app.comparison import fetch_class, kept_archives, kept_images
        from pipeseg.errors import BadInput, RunFailed

        def tell(done: int, total: int) -> None:
            self._progress = done, total

        try:
            images = await asyncio.to_thread(kept_images, self.settings, self.question, self.row)
            if images:
                self.post_message(ScoresRead(images))
            archives = await asyncio.to_thread(kept_archives, self.settings, self.report, self.row)
            if images is None or archives is None:
                images, archives = await fetch_class(self.settings, self.report, self.row, tell)
                self.post_message(ScoresRead(images))
            self.post_message(PicturesFetched(archives))
        except (BadInput, RunFailed, OSError) as error:
            self.post_message(NotRead(str(error)))

    def _tell_age(self) -> None:
        """Say for how long it has been reading."""
        if self.is_read:
            return
        what = _("fetching the pictures") if self.images else _("reading both scores of every picture")
        counts = ", " + _("{done} of {total} runs").format(done=self._progress[0], total=self._progress[1])
        seconds = _("{seconds} s").format(seconds=int(time.monotonic() - self._began))
        self._say(f"{what} … {seconds}{counts if self._progress[1] else ''}")

    @on(ScoresRead)
    def show_scores(self, message: ScoresRead) -> None:
        if message.images == self.scores:
            return
        self.scores = message.images
        self.query_one(Grid).empty = f" {_('No picture fits.') if self.scores.images else _('There are no scores.')}"
        self._list()
        self._tell_age()
        for note in self.scores.notes:
            self.notify(note, severity="warning", timeout=10, markup=False)

    @on(PicturesFetched)
    def show_pictures(self, message: PicturesFetched) -> None:
        from app.pair_painting import PairPainter
        from experiments.picture_archives import PairPictures

        self.is_read, self.archives = True, message.archives
        if not any(self.archives.paths):
            self._say(_("no pictures: {why}").format(why="; ".join(self.archives.problems)))
            return
        self._say("")
        self.begin_painting(PairPainter(PairPictures(self.archives)))
        for problem in self.archives.problems:
            self.notify(problem, severity="warning", timeout=10, markup=False)

    @on(NotRead)
    def show_why_not(self, message: NotRead) -> None:
        self.is_read = True
        if self.scores is None:
            self.query_one(Grid).empty = f" [$error]✗ {_('could not be read')}[/]"
            self.query_one(Grid).refresh()
        self._say(message.problem)

    def _say(self, text: str) -> None:
        self.query_one(PictureView).show((), text)

    # -- list, plot and picture ----------------------------------------------------------------------------------

    @property
    def image(self) -> ImageChange | None:
        key = self.query_one(Grid).cursor_key
        return next((image for image in self.images if image.file == key), None)

    @property
    def current(self) -> str | None:
        image = self.image
        return image.file if image else None

    def ahead(self) -> list[str]:
        place = self.query_one(Grid).cursor
        return [self.images[at].file for at in (place + 1, place - 1, place + 2) if 0 <= at < len(self.images)]

    def _list(self) -> None:
        """Sort and filter; the cursor goes to the first."""
        if self.scores is None:
            return
        text = self.query_one(Input).value.casefold()
        found = [each for each in self.scores.images if text in f"{each.file} {each.group}".casefold()]
        self.images = ordered(found, self.order, self.row.metric)
        grid = self.query_one(Grid)
        grid.show(Row(each.file, self._cells(each)) for each in self.images)
        grid.cursor = 0
        grid.scroll_to(y=0, animate=False, immediate=True)
        grid.refresh()
        self._other_image()

    def _cells(self, image: ImageChange) -> tuple[str, ...]:
        return (
            change(image.change, self._tone(image), 1),
            score(image.baseline),
            score(image.final),
            escape(image.file),
            f"[$foreground 60%]{escape(image.group)}[/]",
        )

    def _tone(self, image: ImageChange) -> Verdict:
        """Colour of a change; of one picture nothing is proven."""
        good = image.change > 0 if self.row.metric not in LOWER_IS_BETTER else image.change < 0
        return Verdict.BETTER if good else Verdict.WORSE if image.change else Verdict.NO_EVIDENCE

    @on(messages.CursorMoved)
    def _other_image(self) -> None:
        self.window = replace(self.window, zoom=1.0).held()
        spots = [(image.baseline, image.final) for image in self.images]
        lower = self.row.metric in LOWER_IS_BETTER
        self.query_one(ImageScatter).show(spots, self.query_one(Grid).cursor, lower_is_better=lower)
        self._draw_title()
        self.want()

    @on(ImageScatter.Picked)
    def picked(self, message: ImageScatter.Picked) -> None:
        self._go(message.index)

    @on(messages.Opened)
    def opened(self, message: messages.Opened) -> None:
        """A click has moved the cursor."""
        message.stop()
        self._other_image()

    def _go(self, index: int) -> None:
        grid = self.query_one(Grid)
        grid.action_move(min(max(0, index), max(0, len(self.images) - 1)) - grid.cursor)

    # -- words ---------------------------------------------------------------------------------------------------

    def draw_words(self) -> None:
        image = self.image
        if image is None:
            self._put("#drill-image", "")
            return
        parts = [f"{score(image.baseline)} → {score(image.final)}  {change(image.change, self._tone(image))}"]
        parts.append(f"{_('group')} {escape(image.group)}")
        for word, by_seed in ((_("baseline"), image.baseline_by_seed), (_("final"), image.final_by_seed)):
            if by_seed:
                told = " ".join(f"{escape(seed)}:{score(value)}" for seed, value in by_seed.items())
                parts.append(f"{word} {_('by seed')} {told}")
        if self.archives and (image.baseline_by_seed or image.final_by_seed):
            seeds = " / ".join(str(seed) for seed in dict.fromkeys(self.archives.seeds))
            parts.append(_("masks of seed {seed}").format(seed=seeds))
        if self.window.zoom > 1:
            parts.append(_("zoom ×{zoom}").format(zoom=f"{self.window.zoom:.1f}"))
        joined = " [$foreground 40%]·[/] ".join(parts)
        self._put("#drill-image", f" [b]{escape(image.file)}[/b]  [$foreground 75%]{joined}[/]")

    def _draw_title(self) -> None:
        told = [metric_word(self.row.metric)]
        if self.images:
            told.append(_("{place} of {count}").format(place=self.query_one(Grid).cursor + 1, count=len(self.images)))
            told.append(_(_ORDER_WORDS[self.order]))
        if text := self.query_one(Input).value:
            told.append(_("only {text}").format(text=escape(text)))
        joined = " [$foreground 40%]·[/] ".join(told)
        self._put("#drill-title", f" [b]{escape(class_name(self.row))}[/b]  [$foreground 70%]{joined}[/]")

    def _draw_keys(self) -> None:
        by_name = {action.name: action for action in DRILL_ACTIONS}

        def entry(name: str) -> Content:
            key, label = escape(readable_key(by_name[name].keys[0])), _(by_name[name].label)
            return Content.from_markup(f"[@click=screen.{name}] [b $primary]{key}[/] [$foreground 75%]{label}[/] [/]")

        line, tail = Content(" "), Content.assemble(*(entry(name) for name in ALWAYS))
        for name in KEY_BAR:
            if line.cell_length + entry(name).cell_length + tail.cell_length > self.size.width:
                break
            line = Content.assemble(line, entry(name))
        self._put("#drill-keys", Content.assemble(line, tail))

    @on(messages.PictureWanted)
    def draw_keys_again(self) -> None:
        self._draw_keys()

    def _put(self, selector: str, text: str | Content) -> None:
        self.query_one(selector, Static).update(text, layout=False)

    # -- keys ----------------------------------------------------------------------------------------------------

    def action_sort(self) -> None:
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self._list()

    def action_next_image(self) -> None:
        self.query_one(Grid).action_move(1)

    def action_previous_image(self) -> None:
        self.query_one(Grid).action_move(-1)

    def action_arrow(self, key: str) -> None:
        """Move what is shown; while that is everything, go to another picture."""
        if not self.pan(key):
            self.query_one(Grid).action_move(sum(ARROWS[key]))

    def action_large(self) -> None:
        is_large = not self.has_class("-large")
        self.set_class(is_large, "-large")
        self.set_focus(None if is_large else self.query_one(Grid))

    def action_overlay(self) -> None:
        self.look = replace(self.look, mask=not self.look.mask)
        self.want()

    def action_other_part(self) -> None:
        scatter, grid = self.query_one(ImageScatter), self.query_one(Grid)
        self.set_focus(scatter if grid.has_focus else grid)

    def action_copy_name(self) -> None:
        if name := self.current:
            self.app.copy_to_clipboard(name)
            self.notify(_("copied {what}").format(what=name), timeout=2, markup=False)

    def action_search(self) -> None:
        search = self.query_one(Input)
        search.display = True
        search.focus()

    def on_input_changed(self) -> None:
        self._list()

    def on_input_submitted(self) -> None:
        self._end_search()

    def _end_search(self) -> None:
        search = self.query_one(Input)
        search.display = bool(search.value)
        self.query_one(Grid).focus()

    def action_leave(self) -> None:
        search = self.query_one(Input)
        if search.has_focus or search.value:
            search.value = ""
            self._end_search()
        elif self.has_class("-large"):
            self.action_large()
        else:
            self.dismiss()

    def action_help(self) -> None:
        from app.screens.help import Help

        self.app.push_screen(Help(DRILL_ACTIONS), self.run_named)

    async def run_named(self, name: str | None) -> Any:
        if name:
            await self.run_action(name)


def words(row: Comparison) -> str:
    """Return the figures of the class, in words."""
    told = [
        _("baseline {baseline}, final {final}").format(baseline=score(row.baseline), final=score(row.final)),
        f"{change(row.increase, row.verdict)} pp",
    ]
    if row.ci_low is not None:
        told.append(f"[{interval(row.ci_low, row.ci_high)}]".replace("[", "\\["))
        told.append(f"p {probability(row.p_value)}")
    told.append(verdict(row.verdict))
    if row.n_images is not None:
        told.append(_("{images} pictures, {groups} groups").format(images=row.n_images, groups=row.n_groups))
    if row.detectable is not None:
        told.append(_("visible from {points} pp").format(points=points(row.detectable)))
    if arm := row.equal_budget:
        told.append(f"{_('over equal budget')} {change(arm.difference, arm.verdict)} {verdict(arm.verdict)}")
    return " · ".join(told)
