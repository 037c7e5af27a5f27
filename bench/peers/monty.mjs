// Monty (npm @pydantic/monty) in the host's own process: an interpreter of its own for a subset of Python. The code is
// parsed once; each call starts from fresh state.

export const peer = {
  id: "monty",
  name: "Monty, in the host's process",
  isolates: { cpython: "subset", boundary: "own", fresh: "yes" },
  callsPerRound: 200,
  open: async (code) => {
    const { Monty } = await import("@pydantic/monty");
    const program = new Monty(`${code}\nrun(args)`, { inputs: ["args"] });
    const call = async (args) => toObject(program.run({ inputs: { args } }));
    return { call, close: async () => undefined };
  },
};

/** It gives a dict as a Map. */
function toObject(value) {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, toObject(item)]));
  return Array.isArray(value) ? value.map(toObject) : value;
}
