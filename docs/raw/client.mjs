// A whole client in plain Node: framing, requests, replies in any order, streamed output, cancellation.
// Usage: node client.mjs [COMMAND ...], the sidecar's command line; pyrunner-sidecar if absent.
import { spawn } from "node:child_process";

const [command = "pyrunner-sidecar", ...args] = process.argv.slice(2);
const sidecar = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
for (const end of ["error", "exit"]) sidecar.once(end, (why) => fail(new Error(`no sidecar: ${why}`)));

const pending = new Map(); // the id of a request that waits for its reply → its promise's functions
let nextId = 1;
let onOutput = () => undefined;

function send(message) {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  sidecar.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`); // bytes, not characters
}

function request(method, params) {
  const id = nextId++;
  send({ id, method, params });
  const reply = new Promise((resolve, reject) => pending.set(id, { resolve, reject }));
  return Object.assign(reply, { cancel: () => send({ method: "$/cancelRequest", params: { id } }) });
}

function receive({ id, method, params, result, error }) {
  if (method === "run/output") return onOutput(params);
  const { resolve, reject } = pending.get(id);
  pending.delete(id);
  error ? reject(Object.assign(new Error(error.message), error.data)) : resolve(result);
}

function fail(error) {
  for (const { reject } of pending.values()) reject(error); // or they would wait for ever
  pending.clear();
}

let buffer = Buffer.alloc(0);
sidecar.stdout.on("data", (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  for (let end; (end = buffer.indexOf("\r\n\r\n")) >= 0; ) {
    const length = Number(/content-length: *(\d+)/i.exec(buffer.toString("latin1", 0, end))[1]);
    if (buffer.length < end + 4 + length) return; // the rest of the body comes with the next chunk
    receive(JSON.parse(buffer.toString("utf8", end + 4, end + 4 + length)));
    buffer = buffer.subarray(end + 4 + length);
  }
});

await request("register", { id: "words", code: "def run(args): return len(args['text'].split())" });
const texts = ["to be", "or not to be", "that"];
const counts = await Promise.all(texts.map((text) => request("run", { id: "words", args: { text } })));
console.log("counted", counts.map(({ result }) => result.data).join(" "));

const spin = "def run(args):\n    print('spinning', flush=True)\n    while True: pass\n";
const endless = request("run", { code: spin, stream: true });
onOutput = ({ text }) => process.stdout.write(text, () => endless.cancel());
await endless.catch(({ kind }) => console.log(kind));
await request("run", { id: "nobody" }).catch(({ kind, message }) => console.log(`${kind}: ${message}`));
sidecar.stdin.end(); // ends the sidecar, and all that it started
