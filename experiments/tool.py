"""What every command line here shares: exit codes, one sentence for a mistake, progress with the time left."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer

from pipeseg.errors import BadInput, RunFailed, StopRequested, os_error_sentence

Tick = Callable[[int, int], None]
LINE_SECONDS = 5.0


def run_tool(command: Callable[..., Any]) -> None:
    """Make `command` (typer-annotated) a program: run it with the process's arguments and exit with its code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(command)
    sys.exit(run_app(app))


def run_app(app: typer.Typer, arguments: Sequence[str] | None = None, program: str | None = None) -> int:
    """Run a command line and return its exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    try:
        code = app(args=arguments, prog_name=program, standalone_mode=False)
        if sys.stdout is not None:  # closed from the start: >&-
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BadInput as error:
        return _fail(str(error), 2)
    except RunFailed as error:
        return _fail(str(error), 1)
    except (KeyboardInterrupt, StopRequested):
        return _fail("interrupted", 130)
    except BrokenPipeError:
        return _leave_pipe()
    except SystemExit as error:
        # typer and rich turn a closed pipe into an exit with 1
        if isinstance(error.__context__, BrokenPipeError):
            return _leave_pipe()
        raise
    except OSError as error:
        return _fail(os_error_sentence(error), 1)
    except Exception as error:
        # usage errors of typer (which carries its own copy of click, depending on its version)
        if not hasattr(error, "format_message"):
            raise
        return _fail(_usage_sentence(error, program), 2)


def _leave_pipe() -> int:
    """The reader has seen enough (`... | head`): no error, and nothing may be flushed into the closed pipe at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    return 0


def _usage_sentence(error: Any, program: str | None) -> str:
    context = getattr(error, "ctx", None)
    text = error.format_message().rstrip(".")
    return f"{text[:1].lower()}{text[1:]}; see `{context.command_path if context else program} --help`"


def _fail(sentence: str, code: int) -> int:
    print(" ".join(sentence.splitlines()), file=sys.stderr)
    return code


@contextlib.contextmanager
def ticking(what: str) -> Iterator[Tick]:
    """Yield `tick(done, total)`: on stderr, a bar with the time left on a terminal, a line now and then elsewhere."""
    if sys.stderr is None:  # started with 2>&-: nobody listens
        yield lambda done, total: None
        return
    if not sys.stderr.isatty():
        yield _line_ticks(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _line_ticks(what: str) -> Tick:
    next_line = time.monotonic() + LINE_SECONDS
    # from the first tick: what came before it, imports and listings, does not come again with every item
    first: tuple[float, int] | None = None

    def tick(done: int, total: int) -> None:
        nonlocal next_line, first
        now = time.monotonic()
        first = first or (now, done)
        if now >= next_line:
            next_line = now + LINE_SECONDS
            began, already = first
            left = f", about {(now - began) * (total - done) / (done - already):.0f} s left" if done > already else ""
            print(f"{what}: {done} of {total}{left}", file=sys.stderr, flush=True)

    return tick
