// A container for each call: `docker run`, without a network, of an image made of this machine's own interpreter.

import { fileURLToPath } from "node:url";
import { LineProcess } from "../line-process.mjs";
import { oneShot, PROGRAM } from "./one-shot.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const peer = {
  id: "docker",
  name: "docker run per call",
  isolates: { cpython: "yes", boundary: "kernel", fresh: "yes" },
  callsPerRound: 2,
  open: async (code) => {
    const env = { ...process.env, PYTHONPATH: `${ROOT}/tests/containers` };
    const engine = new LineProcess(`${ROOT}/.venv/bin/python`, [`${ROOT}/bench/peers/docker_image.py`], {
      env,
    });
    const { command, missing } = await engine.next();
    if (command === undefined) {
      await engine.close();
      throw new Error(missing);
    }
    const { call } = oneShot([...command, "-I", "-S", "-c", PROGRAM])(code);
    return { call, close: () => engine.close() };
  },
};
