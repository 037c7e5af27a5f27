"""The clients in `docs/raw`, run as their README says, print what they should and leave nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PATIENCE_S

RAW = Path(__file__).parents[2] / "docs" / "raw"
WORDS = "9768b07bed8efe54c66e39e883519e6949060ae87e123fa05007edce86befd47"
PRINTED = {
    "node client.mjs": """\
counted 2 4 1
spinning
cancelled
tool_not_found: no tool is registered as 'nobody'
""",
    "bash client.sh": f"""\
{{"jsonrpc":"2.0","id":1,"result":{{"id":"words","codeHash":"{WORDS}"}}}}
"result":{{"ok":true,"data":4}}
{{"jsonrpc":"2.0","id":3,"error":{{"code":-32010,"message":"no tool is registered as 'nobody'","data":{{"kind":"tool_not_found"}}}}}}
""",  # noqa: E501 - one line as it is printed
}


@pytest.mark.parametrize("client", PRINTED)
def test_a_client_prints_what_the_sidecar_answered(client: str) -> None:
    program, file = client.split()
    if shutil.which(program) is None:
        pytest.skip(f"this machine has no {program}")
    sidecar = [sys.executable, "-m", "sidecar"]
    ended = subprocess.run(
        [program, RAW / file, *sidecar],
        cwd=RAW.parents[1],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, PRINTED[client], "")
