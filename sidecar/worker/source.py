"""A tool's source text: what it is called in tracebacks, how it is made to compile, and where its lines really are.

Invariant: every line number and column that leaves this module is one of the text as the host gave it.
"""

import linecache
import re
import types
import warnings
from typing import Any, Dict, List, Optional

from .wire import DIAGNOSTICS_MAX

_BOM = "\ufeff"
TOO_MUCH_TO_COMPILE = "too deeply nested, or too large, to compile"
_ENTRY_POINTS = {"run", "default"}
_LINE = re.compile("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class Source:
    """The text as given, and the same without byte order mark and common indentation."""

    def __init__(self, text: str, filename: str) -> None:
        self.filename = filename
        text = text[1:] if text.startswith(_BOM) else text
        self.indentation = _common_indentation(text)
        # As it is compiled.
        self.text = _without(self.indentation, text)
        self.lines = [line.rstrip("\r\n") for line in _lines(self.text)]
        self._shifted = [line.startswith(self.indentation) for line in _lines(text)]

    def show(self) -> None:
        """Have tracebacks show the tool's lines: no file of that name exists."""
        linecache.cache[self.filename] = (len(self.text), None, [line + "\n" for line in self.lines], self.filename)

    def compile(self) -> types.CodeType:
        """Compile the text; SyntaxError, ValueError (a null byte) or UnicodeEncodeError (a lone surrogate)."""
        self.show()
        # Not inheriting this module's future imports is what makes the tool's semantics its own.
        return compile(self.text, self.filename, "exec", dont_inherit=True)

    def diagnostics(self) -> List[Dict[str, Any]]:
        """What is wrong with the text, and what looks wrong: `[{line, column, message, severity}]`, both from 1."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                code = self.compile()
            except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
                return [self.locate(error)]
        found = [_diagnostic(w.lineno, 1, str(w.message), "warning") for w in caught[:DIAGNOSTICS_MAX]]
        if not _ENTRY_POINTS & set(code.co_names):
            found.append(
                _diagnostic(1, 1, "nothing here is called run or default, so there is nothing to call", "warning")
            )
        return found

    def locate(self, error: BaseException) -> Dict[str, Any]:
        """An error of `compile` as one diagnostic."""
        if isinstance(error, SyntaxError):
            line = error.lineno or self._line_of(error)
            return _diagnostic(line, self.column(line, error.offset or 1), error.msg or "invalid syntax", "error")
        # What CPython's parser raises for source that nests too deeply, too.
        message = TOO_MUCH_TO_COMPILE if isinstance(error, MemoryError) else str(error) or type(error).__name__
        return _diagnostic(self._line_of(error), 1, message, "error")

    def column(self, line: int, offset: int) -> int:
        """The column in the text as given, for a column (from 1) of a line in the text as compiled."""
        shifted = 0 < line <= len(self._shifted) and self._shifted[line - 1]
        return max(offset, 1) + (len(self.indentation) if shifted else 0)

    def _line_of(self, error: BaseException) -> int:
        position: Optional[int] = None
        if isinstance(error, UnicodeEncodeError):
            position = error.start
        elif "\0" in self.text:
            position = self.text.index("\0")
        return 1 if position is None else self.text.count("\n", 0, position) + 1


def _diagnostic(line: int, column: int, message: str, severity: str) -> Dict[str, Any]:
    return {"line": line, "column": column, "message": message, "severity": severity}


def _lines(text: str) -> List[str]:
    """The lines as Python's tokenizer counts them, ends kept; str.splitlines knows more kinds of end."""
    return _LINE.findall(text)


def _common_indentation(text: str) -> str:
    """The indentation of the first line of code, which the whole text shares if it compiles at all."""
    for line in _lines(text):
        stripped = line.lstrip(" \t")
        if stripped.strip() and not stripped.startswith("#"):
            return line[: len(line) - len(stripped)]
    return ""


def _without(indentation: str, text: str) -> str:
    if not indentation:
        return text
    width = len(indentation)
    # A line that does not begin with it is left alone: blank, a comment, or the inside of a string.
    lines = (line[width:] if line.startswith(indentation) else line for line in _lines(text))
    return "".join(lines)
