"""The pictures of a dataset, one at a time, with mask, boxes, hand polygons and what the audit found."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, Static

from app import messages
from app.action import Action, bindings, readable_key
from app.language import N_, _, ngettext
from app.painting import CLASS_COLOURS, MASK_COLOUR, Painter, Window
from app.picture_actions import ALWAYS, KEY_BAR, PICTURE_ACTIONS
from app.screens.painted import ARROWS, PaintedScreen
from app.text import escape
from app.widgets.half_blocks import RGB
from app.widgets.picture_view import PictureView
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from experiments.pictures import Pictures

LAYERS = (N_("mask"), N_("boxes"), N_("hand"))
# how many pictures ahead are decoded while nobody asks for anything
AHEAD = (1, -1, 2)


class PictureScreen(PaintedScreen):
    """One picture after the other, or all copies of one side by side."""

    BINDINGS: ClassVar = [
        *bindings(PICTURE_ACTIONS),
        *(Binding(key, f"arrow({key!r})", show=False) for key in ARROWS),
        Binding("ctrl+q", "app.quit", show=False),
    ]

    def __init__(self, settings: Settings, dataset: str) -> None:
        super().__init__(settings)
        self.dataset = dataset
        self.pictures: Pictures | None = None
        self.names: tuple[str, ...] = ()
        self.index = 0
        self.filter: str | None = None
        self.shows_copies = False

    def compose(self) -> ComposeResult:
        yield Static(id="picture-title")
        yield PictureView(id="picture")
        yield Static(id="picture-finding")
        yield Static(id="picture-legend")
        yield Input(placeholder=_("a part of the name; Enter goes there, Esc leaves"), id="picture-search")
        yield Static(id="picture-keys")

    def on_mount(self) -> None:
        reading = _("{dataset}: reading what is known about its pictures …").format(dataset=self.dataset)
        self.query_one(PictureView).show((), reading)
        self._draw_keys()
        self._read()

    # -- reading -------------------------------------------------------------------------------------------------

    @work(thread=True, group="read", exit_on_error=False)
    def _read(self) -> None:
        from experiments.pictures import read_pictures

        self.post_message(messages.PicturesRead(read_pictures(self.settings, self.dataset)))

    @on(messages.PicturesRead)
    def pictures_read(self, message: messages.PicturesRead) -> None:
        self.pictures = message.pictures
        self.names = message.pictures.names
        if message.pictures.problems:
            self.notify(message.pictures.problems[0], severity="warning", timeout=10, markup=False)
        self.begin_painting(Painter(message.pictures))

    # -- painting ------------------------------------------------------------------------------------------------

    @property
    def current(self) -> str | None:
        """The picture that is wanted."""
        return self.names[self.index] if self.names else None

    @on(messages.PictureWanted)
    def draw_keys_again(self) -> None:
        self._draw_keys()

    def copies_shown(self) -> tuple[str, ...]:
        return self._copies() if self.shows_copies else ()

    def ahead(self) -> list[str]:
        return [self.names[(self.index + step) % len(self.names)] for step in AHEAD] if self.names else []

    # -- words ---------------------------------------------------------------------------------------------------

    def draw_words(self) -> None:
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
        if self.name_shown == name and self.facts:
            parts.append(escape(self.facts))
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
            self.want()

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
                self.want()
                return
        self.notify(_("the audit has nothing to say about these pictures; a in Data starts one"), severity="warning")

    def _copies(self) -> tuple[str, ...]:
        return self.pictures.copies(self.current) if self.pictures and self.current else ()

    def action_copies(self) -> None:
        if not self.shows_copies and not self._copies():
            self.notify(_("no copies of this picture are known"), timeout=3)
            return
        self.shows_copies = not self.shows_copies
        self.want()

    def action_toggle(self, layer: str) -> None:
        self.look = replace(self.look, **{layer: not getattr(self.look, layer)})
        self.want()

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

    def zoom(self, factor: float) -> None:
        self.shows_copies = False
        super().zoom(factor)

    def action_arrow(self, key: str) -> None:
        """Move what is shown; while that is everything, go to another picture."""
        if not self.pan(key) and ARROWS[key][0]:
            self._go(self.index + ARROWS[key][0])

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

        self.app.push_screen(Help(PICTURE_ACTIONS), self.run_named)


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
