// The least that a new interpreter can cost: `python3 -I -S`, without site-packages, limits or a timeout.

import { oneShot, PROGRAM } from "./one-shot.mjs";

export const peer = {
  id: "bare-python",
  name: "python3 -I -S per call",
  isolates: { cpython: "yes", boundary: "no", fresh: "yes" },
  callsPerRound: 10,
  open: async (code, { python }) => oneShot([python, "-I", "-S", "-c", PROGRAM])(code),
};
