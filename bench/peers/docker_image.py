"""Finds or starts a Docker engine, makes the image, says which command runs Python in it, and waits for its end.

The engine and the image are those of the tests (`tests/containers/docker_engine.py`).
"""

import json
import subprocess
import sys

import docker_engine

try:
    with docker_engine.engine() as docker:
        docker_engine.import_image(docker)
        # Without the `-m sidecar` at its end.
        print(json.dumps({"command": docker_engine.command(docker)[:-2]}), flush=True)
        sys.stdin.read()
        subprocess.run([*docker, "image", "rm", docker_engine.IMAGE], stdout=subprocess.DEVNULL, check=False)
except LookupError as error:
    print(json.dumps({"missing": str(error)}), flush=True)
