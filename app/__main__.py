"""`python -m app`: opens the dashboard."""

import argparse
import os
import sys


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m app", description="The pipeseg dashboard. Runs go on when it is closed."
    )
    parser.add_argument("--keys", action="store_true", help="print the key table (Markdown) and leave")
    if parser.parse_args().keys:
        from app.action import key_table
        from app.actions import ACTIONS
        from app.compare_actions import DRILL_ACTIONS
        from app.picture_actions import PICTURE_ACTIONS

        print(f"{key_table(ACTIONS)}\n\nIn the pictures of a dataset:\n\n{key_table(PICTURE_ACTIONS)}")
        print(f"\nIn a class of the comparison:\n\n{key_table(DRILL_ACTIONS)}")
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("app: needs a terminal; for scripts use python -m experiments", file=sys.stderr)
        return 2
    from app.dashboard import Dashboard
    from app.graphics import protocol
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    settings = Settings.load()
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
