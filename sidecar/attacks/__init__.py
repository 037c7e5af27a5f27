"""Attacks on the jail, as data, and what runs them: the tests do, and `pyrunner-sidecar attack` on a user's machine.

Invariant: an attack that succeeds does no harm. What it reads, writes, signals or connects to was put there for it
(`stage`), and what could not be taken back is asked for with arguments that the kernel rejects.
"""
