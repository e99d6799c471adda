"""The program, and what its endings mean."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Optional, Sequence

UNTRUSTWORTHY = 4
INTERRUPTED = 130


class ConlabError(Exception):
    """The program could not do what was asked for; the message is its own sentence.

    ``code`` is its exit code: 1 could not run, 2 usage, 3 a gate failed or a claim was refuted.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Untrustworthy(ConlabError):
    """It ran, and the figures cannot be trusted; ``record`` has them, and the message says why."""

    def __init__(self, message: str, record: Optional[dict] = None) -> None:
        super().__init__(message, UNTRUSTWORTHY)
        self.record = record


class Interrupted(ConlabError):
    """It was interrupted; ``record`` is what was measured up to then, if anything was."""

    def __init__(self, message: str, record: Optional[dict] = None) -> None:
        super().__init__(message, INTERRUPTED)
        self.record = record


def program() -> str:
    """The program's path: ``CONLAB_PROGRAM``, else the one of this package, else one on ``PATH``.

    Raises :class:`ConlabError` where there is none.
    """
    named = os.environ.get("CONLAB_PROGRAM")
    if named:
        return named
    name = "conlab.exe" if sys.platform == "win32" else "conlab"
    for folder in (sysconfig.get_path("scripts"), Path(sys.executable).parent):
        here = Path(folder, name)
        if here.is_file():
            return str(here)
    found = shutil.which(name)
    if found is None:
        raise ConlabError("there is no program `conlab`: install the wheel, or set CONLAB_PROGRAM", 1)
    return found


def call(words: Sequence[str], cwd: Optional[os.PathLike | str] = None) -> tuple[int, str, str]:
    """Calls the program with ``words``: its exit code, and what it wrote to stdout and stderr.

    Raises :class:`ConlabError` for the exit codes 1 and 2. An interrupt of Python's reaches the program, which then ends and keeps
    what it measured.
    """
    command = [program(), *words]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=cwd,
    ) as process:
        try:
            out, err = process.communicate()
        except KeyboardInterrupt:
            # A terminal's Ctrl-C has reached the program as well; a notebook's has not.
            process.terminate()
            out, err = process.communicate()
    code = process.returncode
    if code in (1, 2):
        raise ConlabError(sentence(err), code)
    if code < 0:
        raise ConlabError(f"conlab was ended by signal {-code}", code)
    return code, out, err


def sentence(err: str) -> str:
    """The program's own words in what it wrote to stderr."""
    text = err.strip()
    start = text.rfind("error: ")
    return text[start + len("error: ") :] if start >= 0 else text
