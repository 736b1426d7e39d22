"""The pictures of a dataset, one at a time, with mask, boxes, hand polygons and what the audit found."""

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState

from app import messages
from app.action import Action, bindings, readable_key
from app.canvas import Blocks, Wish, canvas
from app.language import N_, _, ngettext
from app.painting import CLASS_COLOURS, MASK_COLOUR, Look, Painter, Window
from app.picture_actions import ALWAYS, KEY_BAR, PICTURE_ACTIONS
from app.terminal import has_colours
from app.text import escape
from app.widgets.half_blocks import RGB
from app.widgets.picture_view import PictureView
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from experiments.pictures import Pictures

ZOOM_STEP = 1.5
PAN_STEP = 0.25
LAYERS = (N_("mask"), N_("boxes"), N_("hand"))
ARROWS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
# how many pictures ahead are decoded while nobody asks for anything
AHEAD = (1, -1, 2)


class PictureScreen(ModalScreen[None]):
    """Keys change what is wanted; one worker paints the newest wish in a thread, so that keys never wait.

    Attributes:
        name_shown: the picture that is on the screen by now.
    """

    AUTO_FOCUS = ""  # the search would take the keys
    BINDINGS: ClassVar = [
        *bindings(PICTURE_ACTIONS),
        *(Binding(key, f"arrow({key!r})", show=False) for key in ARROWS),
        Binding("ctrl+q", "app.quit", show=False),
    ]

    def __init__(self, settings: Settings, dataset: str) -> None:
        super().__init__()
        self.settings, self.dataset = settings, dataset
        self.pictures: Pictures | None = None
        self.painter: Painter | None = None
        self.canvas = Blocks(self.app.console)
        self.names: tuple[str, ...] = ()
        self.index = 0
        self.filter: str | None = None
        self.window = Window()
        self.look = Look()
        self.shows_copies = False
        self.name_shown: str | None = None
        self._facts = ""
        self._wanted = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Static(id="picture-title")
        yield PictureView(id="picture")
        yield Static(id="picture-finding")
        yield Static(id="picture-legend")
        yield Input(placeholder=_("a part of the name; Enter goes there, Esc leaves"), id="picture-search")
        yield Static(id="picture-keys")

    def on_mount(self) -> None:
        without = self.app.console.color_system is None or not has_colours(os.environ)
        colours = "none" if without else "grey" if self.app.no_color else "full"
        self.look = replace(self.look, colours=colours)
        self.canvas = canvas(self.settings.pictures, self.app.console, self._write, in_browser=self.app.is_web)
        self.app.set_class(not self.canvas.bears_tint, "-graphics")
        self.app.app_resume_signal.subscribe(self, self._show_again)
        self.app.leaving.subscribe(self, lambda _: self.canvas.close(), immediate=True)  # type: ignore[attr-defined]
        reading = _("{dataset}: reading what is known about its pictures …").format(dataset=self.dataset)
        self.query_one(PictureView).show((), reading)
        self._draw_keys()
        self._read()

    def on_unmount(self) -> None:
        self.canvas.close()
        self.app.remove_class("-graphics")

    def _write(self, text: str) -> None:
        """To the terminal, past Textual; called where frames are written, so never within one."""
        if self.app._driver is not None:
            self.app._driver.write(text)

    def _show_again(self, _: object) -> None:
        """After Ctrl+Z and fg: the terminal forgets pictures when another program has its screen."""
        self.canvas.forget()
        self._want()

    # -- reading -------------------------------------------------------------------------------------------------

    @work(thread=True, group="read", exit_on_error=False)
    def _read(self) -> None:
        from experiments.pictures import read_pictures

        self.post_message(messages.PicturesRead(read_pictures(self.settings, self.dataset)))

    @on(messages.PicturesRead)
    def pictures_read(self, message: messages.PicturesRead) -> None:
        self.pictures = message.pictures
        self.painter = Painter(message.pictures)
        self.names = message.pictures.names
        if message.pictures.problems:
            self.notify(message.pictures.problems[0], severity="warning", timeout=10, markup=False)
        self._paint_for_ever()
        self._want()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            self.app.report(event.worker.error)  # type: ignore[attr-defined]
            self.dismiss()

    # -- painting ------------------------------------------------------------------------------------------------

    @property
    def current(self) -> str | None:
        """The picture that is wanted."""
        return self.names[self.index] if self.names else None

    def _want(self) -> None:
        """Something changed that is painted."""
        self._wanted.set()
        self._draw_words()

    @on(messages.PictureWanted)
    def size_changed(self) -> None:
        self._draw_keys()
        if self.painter:
            self._want()

    @work(exclusive=True, group="paint", exit_on_error=False)
    async def _paint_for_ever(self) -> None:
        view = self.query_one(PictureView)
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            name, (columns, rows) = self.current, view.size
            if name is None or not columns or not rows:
                continue
            copies = self._copies() if self.shows_copies else ()
            wish = Wish(name, copies, columns, rows, self.window, self.look, view.rich_style)
            assert self.painter
            shown = self.canvas.known(wish) or await asyncio.to_thread(self.canvas.paint, self.painter, wish)
            self.canvas.send(wish, shown)
            view.show(shown.lines, shown.problem or "")
            self.name_shown, self._facts = name, shown.facts
            self._draw_words()
            await self._look_ahead(columns, rows)

    async def _look_ahead(self, columns: int, rows: int) -> None:
        for step in AHEAD:
            if self._wanted.is_set() or not self.names or not self.painter:
                return
            neighbour = self.names[(self.index + step) % len(self.names)]
            cell = self.canvas.cell(columns, rows)
            await asyncio.to_thread(self.painter.prefetch, neighbour, columns, rows, cell)

    # -- words ---------------------------------------------------------------------------------------------------

    def _draw_words(self) -> None:
        pictures, name = self.pictures, self.current
        if pictures is None:
            return
        if name is None:
            nothing = _("no picture with this filter")
            self._put("#picture-title", f" [b]{escape(self.dataset)}[/b] [$warning]{nothing}[/]")
            return
        facts = pictures.known[name]
        parts = [_("{index} of {count}").format(index=self.index + 1, count=len(self.names))]
        if self.filter is not None:
            only = _("only {defect_class}").format(defect_class=escape(self.filter))
            parts.append(only if self.filter else _("only without a class"))
        if self.window.zoom > 1:
            parts.append(_("zoom ×{factor}").format(factor=f"{self.window.zoom:.1f}"))
        if self.name_shown == name and self._facts:
            parts.append(escape(self._facts))
        if facts.hand_labelled:
            parts.append(_("hand-labelled") if facts.regions else _("hand-labelled: nothing there"))
        copies = self._copies()
        if copies:
            parts.append(ngettext("{count} copy", "{count} copies", len(copies)).format(count=len(copies)))
        joined = " [$foreground 40%]·[/] ".join(parts)
        self._put("#picture-title", f" [b]{escape(name)}[/b]  [$foreground 70%]{joined}[/]")
        findings = [f"! {finding.reason}" for finding in facts.findings if finding.kind != "duplicate"]
        self._put("#picture-finding", escape("  ".join(findings)))
        line = self.query_one("#picture-finding")
        if line.display != bool(findings):  # to set it has everything sent again
            line.display = bool(findings)
        self._put("#picture-legend", self._legend())

    def _legend(self) -> Content:
        """Which layers are on, and which word means which class."""
        assert self.pictures
        parts = [Content.from_markup(f"[$foreground 55%]{_('shown')}[/] ")]
        for key, on_ in (("mask", self.look.mask), ("boxes", self.look.boxes), ("hand", self.look.hand)):
            style = "$foreground" if on_ else "$foreground 40%"
            parts.append(Content.from_markup(f"[{style}]{'☑' if on_ else '☐'} {_(key)}[/] "))
        if self.look.mask and self.pictures.has_masks and not self.pictures.mask_class:
            parts.append(_patch(MASK_COLOUR, f"[$foreground 70%]{_('mask')}[/]"))
        whole = [*parts, *self._class_words(with_labels=True)]
        if Content.assemble(" ", *whole).cell_length <= self.size.width:
            return Content.assemble(" ", *whole)
        return Content.assemble(" ", *parts, *self._class_words(with_labels=False))

    def _class_words(self, *, with_labels: bool) -> list[Content]:
        assert self.pictures
        words = []
        for index, key in enumerate(self.pictures.classes):
            short, label = self.pictures.short(key), self.pictures.labels.get(key, "") if with_labels else ""
            word = f"[b]{escape(short)}[/b]{escape(key.removeprefix(short))} {escape(label)}".strip()
            words.append(_patch(CLASS_COLOURS[index % len(CLASS_COLOURS)], word))
        return words

    def _draw_keys(self) -> None:
        by_name = {action.name: action for action in PICTURE_ACTIONS}
        line, tail = Content(" "), Content.assemble(*(_key(by_name[name]) for name in ALWAYS))
        for name in KEY_BAR:
            entry = _key(by_name[name])
            if line.cell_length + entry.cell_length + tail.cell_length > self.size.width:
                break
            line = Content.assemble(line, entry)
        self._put("#picture-keys", Content.assemble(line, tail))

    def _put(self, selector: str, text: str | Content) -> None:
        """One line stays one line: nothing else has to move."""
        self.query_one(selector, Static).update(text, layout=False)

    # -- keys ----------------------------------------------------------------------------------------------------

    def _go(self, index: int) -> None:
        if self.names:
            self.index, self.window, self.shows_copies = index % len(self.names), Window(), False
            self._want()

    def action_next_picture(self) -> None:
        self._go(self.index + 1)

    def action_previous_picture(self) -> None:
        self._go(self.index - 1)

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(-1)

    def action_next_finding(self) -> None:
        self._find(1)

    def action_previous_finding(self) -> None:
        self._find(-1)

    def _find(self, direction: int) -> None:
        """To the next picture with a finding, round the end."""
        if not self.pictures or not self.names:
            return
        found = set(self.pictures.finding_names())
        for step in range(1, len(self.names) + 1):
            index = (self.index + direction * step) % len(self.names)
            if self.names[index] in found:
                self._go(index)
                only_copies = {finding.kind for finding in self.pictures.known[self.names[index]].findings}
                self.shows_copies = only_copies == {"duplicate"}
                self._want()
                return
        self.notify(_("the audit has nothing to say about these pictures; a in Data starts one"), severity="warning")

    def _copies(self) -> tuple[str, ...]:
        return self.pictures.copies(self.current) if self.pictures and self.current else ()

    def action_copies(self) -> None:
        if not self.shows_copies and not self._copies():
            self.notify(_("no copies of this picture are known"), timeout=3)
            return
        self.shows_copies = not self.shows_copies
        self._want()

    def action_toggle(self, layer: str) -> None:
        self.look = replace(self.look, **{layer: not getattr(self.look, layer)})
        self._want()

    def action_next_class(self) -> None:
        self._filter(1)

    def action_previous_class(self) -> None:
        self._filter(-1)

    def _filter(self, direction: int) -> None:
        """To the next class that some picture has; the picture stays where it passes the filter."""
        if not self.pictures:
            return
        current = self.current
        choices: list[str | None] = [None, *self.pictures.classes, ""]
        choices = [choice for choice in choices if choice is None or self.pictures.having(choice)]
        self.filter = choices[(choices.index(self.filter) + direction) % len(choices)]
        self.names = self.pictures.having(self.filter)
        self._go(self.names.index(current) if current in self.names else 0)

    def action_zoom_in(self) -> None:
        self._zoom(ZOOM_STEP)

    def action_zoom_out(self) -> None:
        self._zoom(1 / ZOOM_STEP)

    def _zoom(self, factor: float) -> None:
        self.window = self.window.zoomed(factor)
        self.shows_copies = False
        self._want()

    def action_whole(self) -> None:
        self.window = Window()
        self._want()

    def action_arrow(self, key: str) -> None:
        """Move what is shown; while that is everything, go to another picture."""
        across, down = ARROWS[key]
        if self.window.zoom > 1:
            self.window = self.window.moved(across * PAN_STEP, down * PAN_STEP)
            self._want()
        elif across:
            self._go(self.index + across)

    def action_search(self) -> None:
        search = self.query_one("#picture-search", Input)
        search.display, search.value = True, ""
        search.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The picture follows what is typed."""
        wanted = event.value.casefold()
        index = next((index for index, name in enumerate(self.names) if wanted in name.casefold()), None)
        if wanted and index is not None:
            self._go(index)

    def on_input_submitted(self) -> None:
        self._end_search()

    def _end_search(self) -> None:
        self.query_one("#picture-search", Input).display = False
        self.set_focus(None)

    def action_leave(self) -> None:
        if self.query_one("#picture-search", Input).has_focus:
            self._end_search()
        elif self.shows_copies:
            self.action_copies()
        else:
            self.dismiss()

    def action_picture_help(self) -> None:
        from app.screens.help import Help

        self.app.push_screen(Help(PICTURE_ACTIONS), self._run_named)

    async def _run_named(self, name: str | None) -> Any:
        if name:
            await self.run_action(name)


def _patch(colour: RGB, words: str) -> Content:
    """A word beside its colour."""
    red, green, blue = colour
    return Content.from_markup(f" [rgb({red},{green},{blue})]█[/] {words}")


def _key(action: Action) -> Content:
    """An entry of the key bar, to be clicked as well."""
    key = escape(readable_key(action.keys[0]))
    return Content.from_markup(
        f"[@click=screen.{action.name}] [b $primary]{key}[/] [$foreground 75%]{escape(_(action.label))}[/] [/]"
    )
