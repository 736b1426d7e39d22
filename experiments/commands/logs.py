"""What of a log a filter lets through, on stdout as it comes; the dashboard's log pane shows the same lines."""

from pathlib import Path

from experiments.log_file import FilteredLog, LogFile
from experiments.log_lines import LogFilter
from pipeseg.errors import BadInput


class FilteredPrinter:
    """Prints the lines of a log that pass, each once; bars as they stand in the end, colours left out.

    Raises:
        BadInput: the filter lets everything through or is none.
    """

    def __init__(self, path: Path, text: str) -> None:
        line_filter = LogFilter.parse(text)
        if not line_filter:
            raise BadInput("--filter: is empty; give a word that the lines hold, or leave the option out")
        self.log = FilteredLog(LogFile(path), line_filter)
        self.printed = 0

    def print_new(self, *, last: bool) -> None:
        """Print what is finished by now; with `last` also what will not be finished any more."""
        behind = True
        while behind:
            behind = self.log.log.poll() | self.log.advance()
        for index in range(self.printed, self.log.count):
            print(self.log.line(index).text)
        self.printed = max(self.printed, self.log.count)
        for line in self.log.live if last else ():
            print(line.text)
        print(end="", flush=True)
