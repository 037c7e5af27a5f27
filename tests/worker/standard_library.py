"""What of the standard library is tried inside: each body does its work there and returns True."""

from __future__ import annotations

# Each body is the inside of `run`; it returns True when the library did its work.
WORKS = {
    "asyncio": """
        import asyncio
        async def job(n):
            await asyncio.sleep(0.001)
            return n
        async def main():
            return await asyncio.wait_for(asyncio.gather(*(job(n) for n in range(50))), 5)
        return asyncio.run(main()) == list(range(50))
    """,
    "asyncio in threads": """
        import asyncio
        async def main():
            loop = asyncio.get_event_loop()
            return await asyncio.gather(*(loop.run_in_executor(None, sum, [n]) for n in range(20)))
        return asyncio.run(main()) == list(range(20))
    """,
    "asyncio queue": """
        import asyncio
        async def main():
            queue = asyncio.Queue()
            await queue.put(1)
            return await queue.get()
        return asyncio.run(main()) == 1
    """,
    "threading": """
        import threading
        barrier, seen, lock = threading.Barrier(20), [], threading.Lock()
        def job(number):
            barrier.wait(10)
            with lock:
                seen.append(number)
        threads = [threading.Thread(target=job, args=(n,)) for n in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        return sorted(seen) == list(range(20))
    """,
    "concurrent.futures": """
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            return list(pool.map(str, range(100))) == [str(n) for n in range(100)]
    """,
    "queue": """
        import queue, threading
        numbers = queue.Queue()
        threading.Thread(target=numbers.put, args=(1,)).start()
        return numbers.get(timeout=5) == 1
    """,
    "decimal": """
        import decimal
        with decimal.localcontext() as context:
            context.prec = 50
            return str(decimal.Decimal(2).sqrt()).startswith("1.4142135623730950488016887242096980785696718753769")
    """,
    "fractions and math": """
        import fractions, math
        return fractions.Fraction(1, 3) + fractions.Fraction(2, 3) == 1 and math.gcd(12, 18) == 6
    """,
    "sqlite3 in memory": """
        import sqlite3
        with sqlite3.connect(":memory:") as db:
            db.execute("create table t (a text)")
            db.executemany("insert into t values (?)", [("x",), ("y",)])
            return db.execute("select count(*) from t").fetchone() == (2,)
    """,
    "sqlite3 in the scratch directory": """
        import os, sqlite3
        with sqlite3.connect("data.db") as db:
            db.execute("create table t (a integer)")
            db.executemany("insert into t values (?)", [(n,) for n in range(1000)])
        with sqlite3.connect("data.db") as db:
            return db.execute("select sum(a) from t").fetchone()[0] == 499500 and os.path.getsize("data.db") > 0
    """,
    "sqlite3 with a write-ahead log": """
        import sqlite3
        db = sqlite3.connect("wal.db", isolation_level=None)
        db.execute("pragma journal_mode=wal").fetchone()
        db.execute("create table t (a)")
        db.execute("insert into t values (1)")
        return db.execute("select a from t").fetchone() == (1,)
    """,
    "tempfile": """
        import os, tempfile
        with tempfile.NamedTemporaryFile("w+") as named, tempfile.TemporaryFile() as nameless:
            named.write("x"); named.flush()
            nameless.write(b"y"); nameless.seek(0)
            with tempfile.TemporaryDirectory() as folder, tempfile.SpooledTemporaryFile() as spooled:
                spooled.write(b"z")
                inside = named.name.startswith(tempfile.gettempdir()) and os.path.isdir(folder)
            return inside and nameless.read() == b"y" and tempfile.gettempdir() == os.getcwd() == os.environ["TMPDIR"]
    """,
    "zipfile": """
        import io, zipfile
        with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("folder/a.txt", "x" * 10000)
        with zipfile.ZipFile("a.zip") as archive:
            archive.extractall("out")
        return open("out/folder/a.txt").read() == "x" * 10000
    """,
    "tarfile, gzip, bz2, lzma, zlib": """
        import bz2, gzip, io, lzma, tarfile, zlib
        data = b"x" * 10000
        with tarfile.open("a.tar.gz", "w:gz") as archive:
            info = tarfile.TarInfo("a"); info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        return all(m.decompress(m.compress(data)) == data for m in (bz2, gzip, lzma, zlib))
    """,
    "json": "import json; return json.loads(json.dumps({'a': [1, 2.5, None]}, indent=1)) == {'a': [1, 2.5, None]}",
    "csv": """
        import csv, io
        text = io.StringIO()
        csv.writer(text).writerows([["a", "b,c"], [1, 2]])
        return list(csv.reader(io.StringIO(text.getvalue()))) == [["a", "b,c"], ["1", "2"]]
    """,
    "hashlib and hmac": """
        import hashlib, hmac
        names = ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256")
        digests = [hashlib.new(name, b"x").digest_size for name in names]
        return digests == [16, 20, 32, 64, 64, 32] and len(hmac.new(b"k", b"m", "sha256").hexdigest()) == 64
    """,
    "xml.etree": """
        import xml.etree.ElementTree as ElementTree
        root = ElementTree.fromstring("<a><b c='1'>text</b></a>")
        return root.find("b").get("c") == "1" and b"text" in ElementTree.tostring(root)
    """,
    "html, urllib.parse, email": """
        import email.message, html, html.parser, urllib.parse
        return html.escape("<") == "&lt;" and urllib.parse.parse_qs("a=1&a=2") == {"a": ["1", "2"]}
    """,
    "logging": """
        import logging, logging.handlers
        handler = logging.handlers.RotatingFileHandler("log.txt", maxBytes=1000, backupCount=2)
        logger = logging.getLogger("x")
        logger.addHandler(handler)
        for number in range(100): logger.error("line %d", number)
        handler.close()
        return "line 99" in open("log.txt").read()
    """,
    "shutil": """
        import os, shutil
        os.makedirs("a/b")
        open("a/b/c.txt", "w").write("x")
        shutil.copy2("a/b/c.txt", "copy.txt")
        shutil.copytree("a", "tree")
        shutil.move("copy.txt", "moved.txt")
        shutil.make_archive("packed", "zip", "tree")
        shutil.rmtree("a")
        return sorted(os.listdir()) == ["moved.txt", "packed.zip", "tree"] and shutil.disk_usage(".").total > 0
    """,
    "pathlib and glob": """
        import glob, pathlib
        folder = pathlib.Path("a/b")
        folder.mkdir(parents=True)
        (folder / "c.txt").write_text("x")
        link = pathlib.Path("link"); link.symlink_to("a")
        found = [str(path) for path in pathlib.Path("a").rglob("*.txt")]
        return found == ["a/b/c.txt"] == glob.glob("a/*/*") and link.is_dir()
    """,
    "statistics": "import statistics; return statistics.median([1, 2, 3]) == 2 and statistics.stdev([1, 2, 3]) == 1",
    "random and secrets": """
        import random, secrets
        return len(random.sample(range(9), 3)) == len(secrets.token_bytes(3))
    """,
    "re": "import re; return re.findall('([a-z]+)@', 'a@b c@d') == ['a', 'c']",
    "datetime": """
        import datetime, calendar, time
        moment = datetime.datetime.now(datetime.timezone.utc)
        return abs(moment.timestamp() - time.time()) < 60 and calendar.monthrange(2024, 2)[1] == 29
    """,
    "collections, heapq, bisect, itertools, functools": """
        import bisect, collections, functools, heapq, itertools
        @functools.lru_cache(maxsize=None)
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        return fib(90) == 2880067194370816120 and heapq.nsmallest(2, [3, 1, 2]) == [1, 2]
    """,
    "ctypes": """
        import ctypes
        libc = ctypes.CDLL(None)
        return libc.abs(-5) == 5 and ctypes.sizeof(ctypes.c_long) == 8
    """,
    "ctypes callbacks": """
        import ctypes
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
        numbers = (ctypes.c_int * 3)(3, 1, 2)
        ctypes.CDLL(None).qsort(numbers, 3, 4, kind(lambda a, b: a[0] - b[0]))
        return list(numbers) == [1, 2, 3]
    """,
    "mmap": """
        import mmap
        with open("m", "wb+") as file:
            file.truncate(4096)
            with mmap.mmap(file.fileno(), 4096) as view:
                view[:2] = b"ok"
                view.flush()
            file.seek(0)
            return file.read(2) == b"ok"
    """,
    "select and selectors": """
        import os, select, selectors
        reader, writer = os.pipe()
        os.write(writer, b"x")
        with selectors.DefaultSelector() as selector:
            selector.register(reader, selectors.EVENT_READ)
            return len(selector.select(1)) == 1 and select.select([reader], [], [], 1)[0] == [reader]
    """,
    "socketpair": """
        import socket
        left, right = socket.socketpair()
        left.sendall(b"x")
        return right.recv(1) == b"x"
    """,
    "signal": """
        import os, signal
        seen = []
        signal.signal(signal.SIGUSR1, lambda *a: seen.append(1))
        os.kill(os.getpid(), signal.SIGUSR1)
        return seen == [1]
    """,
    "signal timers": """
        import signal, threading
        rang = threading.Event()
        signal.signal(signal.SIGALRM, lambda *a: rang.set())
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        return rang.wait(5)
    """,
    "fcntl locks": """
        import fcntl
        with open("lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    """,
    "platform, locale, identity": """
        import locale, os, platform
        return platform.system() == "Linux" and os.getuid() >= 0 and bool(locale.localeconv())
    """,
    "imports of most modules": """
        import argparse, ast, base64, cmd, codecs, configparser, contextvars, copy, dataclasses, difflib, dis, enum
        import fnmatch, getopt, gettext, inspect, ipaddress, keyword, mimetypes, numbers, operator, pickle, pprint
        import profile, quopri, reprlib, sched, shelve, shlex, stringprep, struct, textwrap, timeit, tokenize
        import unicodedata, unittest, wave, weakref, xml.sax, xml.dom.minidom, xmlrpc.client, http.client, ssl
        import ftplib, zipimport, selectors, types, typing, traceback, string, tracemalloc, zipapp
        return unicodedata.name("é") == "LATIN SMALL LETTER E WITH ACUTE"
    """,
    "pickle and copy": """
        import copy, pickle
        return pickle.loads(pickle.dumps({1: {2, 3}})) == copy.deepcopy({1: {2, 3}})
    """,
    "dbm.dumb and shelve": """
        import dbm.dumb
        with dbm.dumb.open("d", "c") as db:
            db["k"] = "v"
            return db["k"] == b"v"
    """,
    "unittest": """
        import io, unittest
        class Case(unittest.TestCase):
            def test(self): self.assertEqual(1, 1)
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Case)
        return unittest.TextTestRunner(stream=io.StringIO()).run(suite).wasSuccessful()
    """,
    "a module that the tool writes and imports": """
        import os, sys
        open("mine.py", "w").write("answer = 42")
        sys.path.insert(0, os.getcwd())
        import mine
        return mine.answer == 42
    """,
}
