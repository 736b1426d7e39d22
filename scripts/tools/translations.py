"""Bring the catalogues of the dashboard up to date: take the marked texts of app/, merge, compile.

    python scripts/tools/translations.py             extract, merge into every .po, compile the .mo
    python scripts/tools/translations.py --check     change nothing; exit code 1 where something is missing or wrong

Marked are `_("…")`, `N_("…")`, `ngettext("…", "…", n)`, and what an `Action` or `Column` says. A new text
stands in the .po with an empty translation, and the check names it.
"""

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from pipeseg.run_directory import write_atomically

DOMAIN = "pipeseg"
# which arguments of a call are texts, by place and by name
MARKED = {
    "_": {0: ""},
    "N_": {0: ""},
    "ngettext": {0: "one", 1: "many"},
    "Action": {2: "label", 3: "tooltip", 4: "group"},
    "_runs": {2: "label", 3: "tooltip"},
    "Column": {0: "title"},
}
_PLACEHOLDER = re.compile(r"\{\w*[^{}]*\}")
# `[b $primary]`, `[/]`; not `[fps]` in a sentence: a tag begins with a style word, `$`, `/` or `@`
_TAG = re.compile(r"\[(?:[/$@][^\]]*|(?:b|i|u|bold|dim|reverse)(?: [^\]]*)?)\]")


@dataclass(frozen=True, slots=True)
class Marked:
    """A text of the source; `many` where it has a plural."""

    one: str
    many: str | None
    file: str
    line: int


class NotLiteral(ValueError):
    """A text is put together before it is marked: no catalogue can have it."""


def marked_texts(source: Path) -> Iterator[Marked]:
    """Yield every marked text below `source`.

    Raises:
        NotLiteral: a marked text is an f-string, or a function has a variable named `_` and translates as well.
    """
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source.parent).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        _refuse_shadows(tree, name)
        for node in ast.walk(tree):
            function = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if function not in MARKED:
                continue
            places = MARKED[function]
            given = {place: node.args[place] for place in places if place < len(node.args)}
            given |= {
                place: keyword.value for keyword in node.keywords for place in places if keyword.arg == places[place]
            }
            texts = [_literal(given[place], function, name) for place in sorted(given)]
            if function == "ngettext" and len(texts) == 2 and all(texts):
                yield Marked(texts[0], texts[1], name, node.lineno)  # type: ignore[arg-type]
            else:
                yield from (Marked(text, None, name, node.lineno) for text in texts if text)


def _literal(node: ast.expr, function: str, name: str) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    # a name, an attribute, a call: its text was marked where it is written
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.IfExp)):
        return None
    raise NotLiteral(f"{name}:{node.lineno}: {function}() needs a plain text here; put values in with .format()")


def _refuse_shadows(tree: ast.Module, name: str) -> None:
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id == "_"]
        stored = [inner for inner in names if isinstance(inner.ctx, ast.Store)]
        if stored and any(isinstance(inner.ctx, ast.Load) for inner in names):
            raise NotLiteral(f"{name}:{stored[0].lineno}: {node.name} calls _() and has a variable of that name")


def template(source: Path) -> Catalog:
    """Return all marked texts; where each stands is its file, without the line: lines change too often."""
    catalog = Catalog(domain=DOMAIN, project=DOMAIN, charset="utf-8", fuzzy=False)
    for text in marked_texts(source):
        catalog.add((text.one, text.many) if text.many else text.one, locations=[(text.file, 0)])
    return catalog


def read(file: Path, locale: str) -> Catalog:
    if not file.is_file():
        return Catalog(locale=locale, domain=DOMAIN, project=DOMAIN, charset="utf-8", fuzzy=False)
    with file.open("rb") as stream:
        return read_po(stream, locale=locale, domain=DOMAIN)


def merged(file: Path, locale: str, texts: Catalog) -> Catalog:
    """Return the catalogue with the texts of the source: new ones empty, those that are gone dropped."""
    catalog = read(file, locale)
    catalog.update(texts, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def po_bytes(catalog: Catalog) -> bytes:
    stream = io.BytesIO()
    write_po(stream, catalog, sort_by_file=True, include_lineno=False, omit_header=True, width=120)
    header = (
        f'msgid ""\nmsgstr ""\n"Language: {catalog.locale_identifier}\\n"\n'
        f'"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )
    return header.encode() + stream.getvalue()


def mo_bytes(po: bytes, locale: str) -> bytes:
    catalog, stream = read_po(io.BytesIO(po), locale=locale, domain=DOMAIN), io.BytesIO()
    # the same texts are the same file at any time
    catalog.creation_date = catalog.revision_date = datetime.fromtimestamp(0, UTC)
    write_mo(stream, catalog)
    return stream.getvalue()


def problems(catalog: Catalog) -> Iterator[str]:
    """Yield what is wrong with the translations, a sentence each."""
    for message in catalog:
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        translations = [message.string] if isinstance(message.string, str) else list(message.string or ())
        wanted = catalog.num_plurals if len(ids) == 2 else 1
        if len(translations) != wanted or not all(translations):
            yield f"{ids[0]!r}: {'is not translated' if wanted == 1 else f'needs {wanted} forms'} ({_where(message)})"
            continue
        if message.fuzzy:
            yield f"{ids[0]!r}: is marked fuzzy: check it and take the mark away"
        for translation in translations:
            for what, pattern in (("placeholders", _PLACEHOLDER), ("markup", _TAG)):
                if sorted(pattern.findall(ids[-1])) != sorted(pattern.findall(translation)):
                    yield f"{ids[-1]!r}: other {what} in {translation!r}"


def _where(message: Message) -> str:
    return ", ".join(file for file, _line in message.locations)


def check(source: Path, locales: Path) -> list[str]:
    """Return everything that is not as it should be; nothing is written."""
    texts, found = template(source), []
    for file in sorted(locales.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        locale = file.parents[1].name
        catalog = merged(file, locale, texts)
        found += [f"{locale}: {problem}" for problem in problems(catalog)]
        if po_bytes(catalog) != file.read_bytes():
            found.append(f"{locale}: {file.name} is not what the source has; run this tool without --check")
        compiled = file.with_suffix(".mo")
        if not compiled.is_file() or _texts_of(compiled) != _texts_of(mo_bytes(file.read_bytes(), locale)):
            found.append(f"{locale}: {compiled.name} is not what {file.name} says; run this tool without --check")
    return found


def _texts_of(compiled: Path | bytes) -> dict[str, object]:
    content = compiled if isinstance(compiled, bytes) else compiled.read_bytes()
    # the header, whose text is empty, names babel's version
    return {str(message.id): message.string for message in read_mo(io.BytesIO(content)) if message.id}


def update(source: Path, locales: Path, known: Path | None = None) -> list[str]:
    """Merge and compile; return what is still to be translated.

    Args:
        known: a .po whose translations are taken where there is none yet.
    """
    texts, found = template(source), []
    for file in sorted(locales.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        locale = file.parents[1].name
        catalog = merged(file, locale, texts)
        for message in read(known, locale) if known else ():
            if message.id and (here := catalog.get(message.id)) and not (here.string and all(here.string)):
                here.string = message.string
        po = po_bytes(catalog)
        write_atomically(file, po)
        write_atomically(file.with_suffix(".mo"), mo_bytes(po, locale))
        found += [f"{locale}: {problem}" for problem in problems(catalog)]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where something is wrong")
    parser.add_argument("--known", type=Path, metavar="PO", help="take translations from this file where there is none")
    parser.add_argument("--source", type=Path, default=ROOT / "app", help="the package whose texts are taken")
    parser.add_argument("--locales", type=Path, default=ROOT / "app" / "locale", help="where the catalogues lie")
    arguments = parser.parse_args()
    if not any(arguments.locales.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        print(f"translations: {arguments.locales}: holds no catalogue */LC_MESSAGES/{DOMAIN}.po", file=sys.stderr)
        return 2
    try:
        places = arguments.source, arguments.locales
        found = check(*places) if arguments.check else update(*places, arguments.known)
    except NotLiteral as error:
        print(f"translations: {error}", file=sys.stderr)
        return 1
    print("\n".join(found) or "every text is translated")
    return 1 if found and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
