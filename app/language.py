"""The language of the interface: gettext catalogues in `app/locale`, in the standard library's format.

`_` is called when a text is drawn, never at import: the language is chosen first. What must be text at import (labels
of actions, titles of columns) stays English there, marked with `N_`, and goes through `_` where it is drawn.
"""

import gettext
import os
from collections.abc import Mapping
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "pipeseg"

_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def choose(language: str | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """Choose the language: `en`, `ru`, or None for what LC_ALL, LC_MESSAGES, LANG say. Returns the one chosen."""
    global _catalogue
    if language is None:
        spoken = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
        language = spoken.partition(".")[0].partition("_")[0]
    _catalogue = gettext.translation(DOMAIN, LOCALE, [language], fallback=True)
    return _catalogue.info().get("language", "en")


def _(text: str) -> str:
    """Return a text in the language that was chosen."""
    return _catalogue.gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the form for `count`: Russian has three, English two."""
    return _catalogue.ngettext(one, many, count)


def N_(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is drawn."""
    return text
