"""Monty's pool: each line of JSON is a call, run in a session of its own of a worker process; its result is a line."""

import json
import sys

from pydantic_monty import Monty

with Monty() as pool:
    for line in sys.stdin:
        call = json.loads(line)
        with pool.checkout() as session:
            result = session.feed_run(call["code"] + "\nrun(args)", inputs={"args": call["args"]})
        print(json.dumps(result), flush=True)
