"""The dashboard in a browser, through one forwarded port: each tab is a dashboard of its own, on the same runs."""

import argparse
import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000, help="of this machine's loopback (default: 8000)")
    parser.add_argument("--read-only", action="store_true", help="only look: what changes something is refused")
    parser.add_argument("--language", default="auto", help="en, ru or auto")
    arguments = parser.parse_args()
    if not 1 <= arguments.port <= 65535:
        print(f"serve_dashboard: --port {arguments.port}: not a port; 1 to 65535 are", file=sys.stderr)
        return 2
    from textual_serve.server import Server

    command = [sys.executable, "-m", "app", "--language", arguments.language]
    command += ["--read-only"] if arguments.read_only else []
    print(f"http://localhost:{arguments.port}  (over SSH: ssh -L {arguments.port}:localhost:{arguments.port} HOST)")
    os.chdir(ROOT)
    # on loopback only: who reaches the port can do whatever the user can
    Server(shlex.join(command), host="localhost", port=arguments.port, title="pipeseg").serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
