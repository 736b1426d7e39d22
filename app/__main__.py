"""`python -m app`: opens the dashboard."""

import argparse
import gc
import os
import sys
from dataclasses import replace


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m app", description="The pipeseg dashboard. Runs go on when it is closed."
    )
    parser.add_argument("--keys", action="store_true", help="print the key table (Markdown) and leave")
    parser.add_argument("--language", help="en, ru or auto (default: PIPESEG_LANGUAGE, else as LC_ALL or LANG say)")
    parser.add_argument("--read-only", action="store_true", help="only look: what changes something is refused")
    arguments = parser.parse_args()
    if arguments.keys:
        from app.action import key_table
        from app.actions import ACTIONS
        from app.compare_actions import DRILL_ACTIONS
        from app.picture_actions import PICTURE_ACTIONS

        print(f"{key_table(ACTIONS)}\n\nIn the pictures of a dataset:\n\n{key_table(PICTURE_ACTIONS)}")
        print(f"\nIn a class of the comparison:\n\n{key_table(DRILL_ACTIONS)}")
        return 0
    from app import language
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    settings = Settings.load()
    settings = replace(settings, read_only=arguments.read_only or settings.read_only)
    try:
        language.choose(arguments.language or settings.language)
    except BadInput as error:
        print(f"app: {error}", file=sys.stderr)
        return 2
    # a browser's side (textual-serve) says by this variable how it is talked to; it has no terminal
    if not (os.environ.get("TEXTUAL_DRIVER") or (sys.stdin.isatty() and sys.stdout.isatty())):
        print("app: needs a terminal; for scripts use python -m experiments", file=sys.stderr)
        return 2
    from app.terminal import has_colours, protocol

    if not has_colours(os.environ):
        os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "standard")  # else bold and reverse go with the colours
    # nothing that is made before the panes are there becomes garbage: to look for it takes a sixth of the start;
    # after that it is looked for between keys, see `app/layers/tidying.py`
    gc.disable()
    # a frame is drawn at the next tick of this clock: at Textual's own 60 a second a key waits up to 17 ms for it
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from app.dashboard import Dashboard

    try:
        shows_pixels = protocol(settings.pictures, os.environ) == "kitty"
    except BadInput as error:
        print(f"app: {error}", file=sys.stderr)
        return 2
    if shows_pixels:
        os.environ["COLORTERM"] = "truecolor"  # these terminals have it, but SSH does not say so
    dashboard = Dashboard(settings)
    dashboard.run()
    return dashboard.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
