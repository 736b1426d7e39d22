"""The journal: whole lines from many writers, read while it grows."""

import json
import math
import subprocess
import sys

import pytest

from pipeseg.events import LineReader, append_event, append_line, read_events, send_command
from pipeseg.settings import ROOT


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "events.jsonl"


def test_what_is_appended_is_read_back(journal):
    written = [append_event(journal, "metrics", step=1, values={"val/iou": float("nan")}), append_event(journal, "x")]
    first, second = read_events(journal)
    assert second == written[1] and math.isnan(first["values"]["val/iou"])


def test_a_half_written_last_line_waits_for_its_end(journal):
    append_event(journal, "message", text="whole")
    reader = LineReader(journal)
    with journal.open("ab") as file:
        file.write('{"kind": "message", "text": "щ'.encode()[:-1])
        file.flush()
        assert [event["text"] for event in reader.poll()] == ["whole"]
        assert reader.poll() == []
        file.write("щ".encode()[-1:] + b'"}\n')
    assert [event["text"] for event in reader.poll()] == ["щ"]


def test_a_line_cut_short_does_not_swallow_the_next(journal):
    append_event(journal, "message", text="before")
    with journal.open("ab") as file:
        file.write(b'{"kind": "progress", "st')  # what a full disk or a power cut leaves
    append_event(journal, "error", text="after")
    assert [event["text"] for event in read_events(journal)] == ["before", "after"]


@pytest.mark.parametrize("junk", [b"\n", b"[1, 2]\n", b"null\n", b"\xff\xfe\n", b"{not json}\n", b'"text"\n'])
def test_lines_that_are_no_record_are_skipped(journal, junk):
    append_event(journal, "a")
    with journal.open("ab") as file:
        file.write(junk)
    append_event(journal, "unknown kind of a later version", field=1)
    assert [event["kind"] for event in read_events(journal)] == ["a", "unknown kind of a later version"]


def test_a_reader_may_start_before_the_writer(journal):
    reader = LineReader(journal)
    assert reader.poll() == []
    append_event(journal, "a")
    assert len(reader.poll()) == 1 and reader.poll() == []


def test_small_reads_give_the_same_records(journal):
    for number in range(50):
        append_event(journal, "message", text="ы" * number)
    reader, found = LineReader(journal), []
    while reader.offset < journal.stat().st_size:
        found += reader.poll(limit=7)
    assert found == read_events(journal) and len(found) == 50


def test_several_processes_never_interleave(journal):
    program = (
        "import sys; from pathlib import Path; from pipeseg.events import append_event\n"
        "for n in range(300): append_event(Path(sys.argv[1]), 'message', writer=sys.argv[2], n=n, text='x' * (n * 17))"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(journal), name], cwd=ROOT) for name in ("a", "b", "c", "d")
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    lines = journal.read_bytes().splitlines()
    # a writer that saw another's line half-way begins with a line break of its own: readers pass over empty lines
    events = [json.loads(line) for line in lines if line]
    assert events == read_events(journal)
    assert len(events) == 1200
    for name in "abcd":
        assert [event["n"] for event in events if event["writer"] == name] == list(range(300))


def test_only_known_commands_are_sent(tmp_path):
    send_command(tmp_path / "control.jsonl", "pause")
    with pytest.raises(ValueError):
        send_command(tmp_path / "control.jsonl", "explode")
    assert [record["command"] for record in read_events(tmp_path / "control.jsonl")] == ["pause"]


def test_a_folder_that_is_gone_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        append_line(tmp_path / "gone" / "events.jsonl", {})
