"""What stands before every attack: the words in which it tells what happened. Tool code, for Python 3.7 and newer."""

import os


def attempt(what, action, *arguments, **options):
    """Do it: refused where the kernel answers with an error, escaped where it does not."""
    try:
        got = action(*arguments, **options)
    except OSError as error:
        return "refused: %s" % error
    return "escaped: %s gave %.80r" % (what, got)


def read(path):
    """The first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(32)


def opened(path, flags):
    """Open and close again, with nothing read or written in between."""
    os.close(os.open(path, flags | getattr(os, "O_NONBLOCK", 0)))
    return path


def nothing_changed(what, before, after):
    """For calls that may pretend to succeed: what counts is the effect."""
    if before == after:
        return "refused: it is as it was"
    return "escaped: %s, %r before and %r after" % (what, before, after)
