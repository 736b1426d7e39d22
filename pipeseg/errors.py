"""What can go wrong, told apart by who can mend it."""


class BadInput(ValueError):
    """The user's input cannot be used; the text is one sentence that names what is wrong and the mend (exit code 2)."""


class RunFailed(RuntimeError):
    """The run broke while it was working; the text is one sentence for the user (exit code 1)."""


class StopRequested(Exception):
    """A person asked the run to stop; what was learned so far has been saved (exit code 130)."""


def did_you_mean(word: str, known: list[str]) -> str:
    """Return `'; did you mean X?'` for the closest known word, or the one with these initials, else `''`."""
    import difflib

    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    # lr, bs: too far from learning_rate and batch_size for a likeness of letters
    close = close or [name for name in folded if "".join(part[:1] for part in name.split("_")) == word.casefold()]
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing: part of one sentence."""
    return (str(error) or type(error).__name__).splitlines()[0]


def os_error_sentence(error: OSError) -> str:
    """Return one sentence for an operating-system error: what, where, and the mend where it is known."""
    import errno

    where = error.filename or "the working folder"
    if error.errno == errno.ENOSPC:
        return f"{where}: no space left on the disk; free some and start again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{where}: no permission to write or read here; change the folder's rights or move it in .env"
    return f"{where}: {error.strerror or error}"
