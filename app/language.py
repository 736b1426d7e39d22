"""The language of the interface: gettext catalogues in `app/locale`, in the standard library's format.

`_` is called when a text is drawn, never at import: the language is chosen first. What must be text at import (labels
of actions, titles of columns) stays English there, marked with `N_`, and goes through `_` where it is drawn.
`python scripts/tools/translations.py` brings the catalogues up to date.
"""

import gettext
import os
from collections.abc import Mapping
from pathlib import Path

from pipeseg.errors import BadInput

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "pipeseg"
LANGUAGES = ("en", "ru")

_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def choose(language: str = "auto", environment: Mapping[str, str] = os.environ) -> str:
    """Choose the language: `en`, `ru`, or `auto` for what LC_ALL, LC_MESSAGES, LANG say. Returns the one chosen.

    Raises:
        BadInput: there is no such language.
    """
    global _catalogue
    if language == "auto":
        spoken = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
        language = spoken.partition(".")[0].partition("_")[0]
    elif language not in LANGUAGES:
        allowed = ", ".join(("auto", *LANGUAGES))
        raise BadInput(f"language: {language!r} is not one of {allowed} (--language, PIPESEG_LANGUAGE in .env)")
    _catalogue = gettext.translation(DOMAIN, LOCALE, [language or "en"], fallback=True)
    return _catalogue.info().get("language", "en")


def _(text: str) -> str:
    """Return a text in the language that was chosen."""
    return _catalogue.gettext(text) if text else ""  # the empty text is the catalogue's own header


def ngettext(one: str, many: str, count: int) -> str:
    """Return the form for `count`: Russian has three, English two."""
    return _catalogue.ngettext(one, many, count)


def N_(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is drawn."""
    return text
