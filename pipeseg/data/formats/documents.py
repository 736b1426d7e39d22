"""JSON and XML files of others: read once, refused in one sentence with their line, never trusted."""

import json
import math
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from pipeseg.errors import BadInput


def read_json_document(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        BadInput: no JSON in UTF-8, with the line where it breaks.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: line {error.lineno}: not JSON ({error.msg}); export it again") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not JSON in UTF-8 ({error}); export it again") from None
    except (RecursionError, ValueError) as error:  # a number of thousands of digits
        raise BadInput(f"{path}: not an annotation file ({error})") from None


def json_kind(path: Path) -> str:
    """Return what a JSON file holds: "coco", "labelme", "via", "broken" or "other"."""
    try:
        content = read_json_document(path)
    except BadInput:
        return "broken"
    if not isinstance(content, dict):
        return "other"
    if "images" in content and ("annotations" in content or "categories" in content):
        return "coco"
    if isinstance(content.get("shapes"), list) and "imagePath" in content:
        return "labelme"
    images = content.get("_via_img_metadata", content)
    first = next(iter(images.values()), None) if isinstance(images, dict) else None
    if "_via_img_metadata" in content or (isinstance(first, dict) and {"filename", "regions"} <= first.keys()):
        return "via"
    return "other"


def number(value: Any) -> float:
    """Return a finite number.

    Raises:
        ValueError: it is none; the text is part of a sentence.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r:.40} is no number")
    try:
        result = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r:.40} is no number") from None
    if not math.isfinite(result):
        raise ValueError(f"{value!r:.40} is not finite")
    return result


def read_xml_document(path: Path) -> Element:
    """Return the root of an XML file. Expat with entities refused is all of defusedxml that one needs here.

    Raises:
        BadInput: no XML, with the line where it breaks, or a document type with entities, which can grow without end.
    """
    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: object) -> None:
        raise BadInput(f"{path}: declares entities, which no annotation needs; remove its DOCTYPE")

    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
        return builder.close()
    except expat.ExpatError as error:
        raise BadInput(f"{path}: line {error.lineno}: not XML ({expat.errors.messages[error.code]})") from None
