"""A log of any length is read in blocks: every line is there, memory stays flat, bars are folded as a terminal does."""

import io
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from experiments.log_file import BLOCK, LONGEST_LINE, FilteredLog, LogFile
from experiments.log_lines import LogFilter
from experiments.terminal_text import Rows, fold
from pipeseg.settings import ROOT


def read(log: LogFile) -> list[str]:
    while log.poll():
        pass
    return [log.line(index).text for index in range(log.count)] + [line.text for line in log.live]


def filtered(log: LogFile, text: str) -> FilteredLog:
    view = FilteredLog(log, LogFilter.parse(text))
    while view.advance():
        pass
    return view


def folded_at_once(data: bytes) -> list[str]:
    """The whole log held in memory: what reading it in blocks must come to as well."""
    rows, done = Rows(), []
    *lines, rest = data.decode().split("\n")
    for line in lines:
        rows.feed(line, done)
    return done + rows.shown_with(rest)


def test_lines_are_folded_as_a_terminal_shows_them() -> None:
    assert fold(" 10%\r 20%\r") == " 20%"
    assert fold("\x1b[1;32mgreen\x1b[0m\x07 text  ") == "green text"
    assert fold("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\") == "link"


@pytest.mark.parametrize("leave", [True, False])
def test_several_bars_of_tqdm_end_as_they_would_on_a_terminal(tmp_path: Path, leave: bool) -> None:
    file = tmp_path / "train.log"
    with open(file, "w", encoding="utf-8") as stream:
        bars = {"file": stream, "ncols": 40, "mininterval": 0, "miniters": 1, "ascii": True}
        print("before", file=stream)
        for _ in tqdm(range(3), desc="epoch", **bars):
            for _ in tqdm(range(50), desc="step", leave=leave, **bars):
                pass
        print("after", file=stream)
    texts = read(LogFile(file))
    epochs = [text for text in texts if text.startswith("epoch: 100%")]
    assert len(epochs) == 1 and "3/3" in epochs[0]
    assert texts[0] == "before" and texts[-1] == "after"
    assert len(texts) <= (6 if leave else 3)


def test_two_bars_on_rows_of_their_own_are_two_lines(tmp_path: Path) -> None:
    stream = io.StringIO()
    options = {"file": stream, "ncols": 30, "mininterval": 0, "ascii": True, "total": 9}
    upper, lower = tqdm(desc="a", position=0, **options), tqdm(desc="b", position=1, **options)
    for _ in range(5):
        upper.update()
        lower.update()
    file = tmp_path / "train.log"
    file.write_text(stream.getvalue(), encoding="utf-8")
    texts = read(LogFile(file))
    assert [text[:2] for text in texts] == ["a:", "b:"] and all("5/9" in text for text in texts)
    upper.close()
    lower.close()


def test_a_bar_that_is_redrawn_for_hours_stays_small(tmp_path: Path) -> None:
    file = tmp_path / "train.log"
    log = LogFile(file)
    assert read(log) == []
    file.write_bytes(b"begin\n" + b"\r".join(b"%5d/99999" % index for index in range(50_000)))
    assert read(log) == ["begin", "49999/99999"]
    assert len(log._open.rest) <= LONGEST_LINE
    with file.open("ab") as stream:
        stream.write("\rdone Отложения\nnext".encode())
    assert read(log) == ["begin", "done Отложения", "next"]


def test_letters_that_arrive_in_two_halves_are_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "train.log"
    data = "Отложения\n".encode()
    file.write_bytes(data[:3])
    log = LogFile(file)
    assert read(log)[0][0] == "О"
    file.write_bytes(data)
    assert read(log) == ["Отложения"]


def test_a_log_that_began_anew_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "train.log"
    file.write_text("one\ntwo\nthree\n")
    log = LogFile(file)
    assert len(read(log)) == 3
    view = filtered(log, "t")
    assert view.count == 2
    file.write_text("ten\n")
    assert read(log) == ["ten"]
    view.advance()
    assert view.count == 1
    file.unlink()
    assert read(log) == []


def random_log(source: random.Random) -> bytes:
    """Plain lines, tracebacks, bars, bars below bars, colours: some hundred kilobytes of them in any order."""
    bar = "".join(f"\r{percent}%" for percent in range(50))
    kinds = {
        10: lambda: f"line {source.randrange(1000)} {'x' * source.randrange(200)}\n",
        1: lambda: "Traceback (most recent call last):\n  File 'a'\n    work()\nValueError: no\n",
        2: lambda: bar + "\n",
        3: lambda: "outer 0%" + "".join(f"\n\rinner {n}%\x1b[A" for n in range(source.randrange(90))) + "\n\n",
        4: lambda: "\x1b[32mgreen\x1b[0m Отложения\n",
    }
    makers = source.choices([*kinds.values()], weights=[20, 1, 2, 1, 3], k=source.randrange(2500))
    return "".join(make() for make in makers).encode()


@pytest.mark.parametrize("seed", range(8))
def test_however_it_arrives_it_reads_the_same(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    data, file = random_log(source), tmp_path / "train.log"
    file.touch()
    log = LogFile(file)
    view, wanted = FilteredLog(log, LogFilter.parse("0% !inner")), LogFilter.parse("0% !inner")
    place = 0
    while place < len(data):
        size = source.choice([1, 10, 1000, 70_000, 200_000])
        with file.open("ab") as stream:
            stream.write(data[place : place + size])
        place += size
        log.poll(0)
        view.advance(0)
    whole = folded_at_once(data)
    assert read(log) == whole
    while view.advance():
        pass
    expected = wanted.select(whole)
    assert [view.line(index).text for index in range(view.count)] == [
        whole[index] for index in expected if index < log.count
    ]
    assert [view.number(index) for index in range(view.count)] == [index for index in expected if index < log.count]


def test_the_first_shown_line_after_a_place_is_found(tmp_path: Path) -> None:
    file = tmp_path / "train.log"
    file.write_text("".join(f"line {number}{' ten' * (number % 10 == 0)}\n" for number in range(20_000)))
    log = LogFile(file)
    read(log)
    view = filtered(log, "ten")
    assert view.count == 2000
    assert [view.nearest(number) for number in (0, 1, 10, 15_001, 19_999)] == [0, 1, 1, 1501, 2000]


@pytest.mark.slow
def test_long_logs_are_read_at_flat_memory(tmp_path: Path) -> None:
    """200,000 and 1,000,000 lines: paged through from the end to the beginning, and filtered."""
    program = """
import sys
from pathlib import Path
import psutil
from experiments.log_file import FilteredLog, LogFile
from experiments.log_lines import LogFilter
log = LogFile(Path(sys.argv[1]))
peak = 0
def look():
    global peak
    peak = max(peak, psutil.Process().memory_info().rss)
while log.poll(): look()
for index in range(log.count - 1, -1, -4999):
    assert log.line(index).text.startswith(f"epoch {index} "), index
    look()
view = FilteredLog(log, LogFilter.parse("77 !777"))
while view.advance(): look()
print(log.count, view.count, peak)
"""
    peaks = []
    for count in (200_000, 1_000_000):
        file = tmp_path / f"{count}.log"
        file.write_text("".join(f"epoch {number} loss 0.1234 and some more words\n" for number in range(count)))
        done = subprocess.run(
            [sys.executable, "-c", program, str(file)], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=100
        )
        assert done.returncode == 0, done.stderr
        lines, shown, peak = map(int, done.stdout.split())
        assert lines == count and 0 < shown < count
        assert shown == sum("77" in str(number) and "777" not in str(number) for number in range(count))
        peaks.append(peak)
    # the longer log is 50 MB
    assert peaks[1] < peaks[0] + 6e6


def test_blocks_stay_small_while_lines_stay_short(tmp_path: Path) -> None:
    file = tmp_path / "train.log"
    file.write_text("".join(f"line {number}\n" for number in range(50_000)))
    log = LogFile(file)
    read(log)
    sizes = [after - before for before, after in zip(log._starts, log._starts[1:], strict=False)]
    assert max(sizes) <= 2 * BLOCK and len(sizes) > 5
