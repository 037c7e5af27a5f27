/** Who is let in to the playground, and what its server answers; the page itself is in e2e. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import test, { type TestContext } from "node:test";
import { startPlayground } from "../src/playground/index.js";
import { fakeRunner } from "./fake-sidecar.js";

async function playground(t: TestContext) {
  const runner = fakeRunner(t);
  const { url, close } = await startPlayground({ runner });
  t.after(close);
  const { host, port, pathname } = new URL(url);
  return { runner, url, close, host, port, token: pathname.slice(1, -1) };
}

interface Asked {
  readonly port: string;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Not `fetch`: it sets Host, and tidies paths. */
async function ask({ port, path, method = "GET", headers = {}, body }: Asked) {
  const sent = request({ host: "127.0.0.1", port, path, method, headers });
  sent.end(body);
  const [response] = await once(sent, "response");
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return { status: response.statusCode as number, headers: response.headers as IncomingHttpHeaders, text };
}

test("the page is served on loopback alone, at a port and below a token that nobody can guess", async (t) => {
  const [first, second] = [await playground(t), await playground(t)];
  assert.match(first.url, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);
  assert.notEqual(first.token, second.token);
  const { status, headers, text } = await ask({ ...first, path: `/${first.token}/` });
  assert.deepEqual([status, headers["content-type"]], [200, "text/html; charset=utf-8"]);
  assert.doesNotMatch(text, /<script(?! type="module" src="page\.mjs")|<style| on\w+=| style=/);
});

test("a request without the token is refused, whatever it asks for", async (t) => {
  const { port, token } = await playground(t);
  const paths = [
    "/",
    "",
    "//",
    "/page.css",
    "/events",
    `/${token}`,
    `/${token.slice(1)}/`,
    `/${token}x/`,
    `/?${token}/`,
  ];
  for (const path of paths) {
    assert.equal((await ask({ port, path })).status, 403, path);
    assert.equal((await ask({ port, path, method: "POST" })).status, 403, path);
  }
});

test("a request for another name, as after DNS rebinding, or from another page is refused, also with the token", async (t) => {
  const { port, token, host } = await playground(t);
  const path = `/${token}/`;
  const refused: Record<string, string>[] = [
    ...["attacker.example", `attacker.example:${port}`, `localhost:${port}`, "127.0.0.1"].map((Host) => ({
      Host,
    })),
    ...["https://attacker.example", "null", `http://localhost:${port}`].map((Origin) => ({
      Host: host,
      Origin,
    })),
  ];
  for (const headers of refused) {
    for (const what of ["", "page.mjs", "events"]) {
      assert.equal((await ask({ port, path: path + what, headers })).status, 403, JSON.stringify(headers));
    }
  }
  assert.equal((await ask({ port, path, headers: { Host: host, Origin: `http://${host}` } })).status, 200);
});

test("every answer, a refusal too, forbids scripts, styles and frames from elsewhere", async (t) => {
  const { port, token } = await playground(t);
  for (const path of [`/${token}/`, `/${token}/answer.css`, `/${token}/nothing`, "/"]) {
    const { headers } = await ask({ port, path });
    const policy = headers["content-security-policy"] ?? "";
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "trusted-types 'none'",
    ]) {
      assert.ok(String(policy).includes(rule), rule);
    }
    assert.doesNotMatch(String(policy), /unsafe|\*|https?:/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["access-control-allow-origin"], undefined);
  }
});

test("no file but those of the page is served", async (t) => {
  const { port, token } = await playground(t);
  for (const path of [
    "../index.js",
    "..%2findex.js",
    "./page.css",
    "page.css/",
    "/etc/passwd",
    "%2e%2e/door.js",
    "run",
  ]) {
    assert.equal((await ask({ port, path: `/${token}/${path}` })).status, 404, path);
  }
});

test("a run is answered with the reply or the error, and with what became of all", async (t) => {
  const { port, token } = await playground(t);
  const headers = { "Content-Type": "application/json" };
  const run = async (asked: object) => {
    const body = JSON.stringify(asked);
    const { status, text } = await ask({ port, path: `/${token}/run`, method: "POST", headers, body });
    return status === 200 ? JSON.parse(text) : status;
  };
  const good = await run({
    runIds: ["a", "b"],
    code: "echo",
    args: { n: 1 },
    timeout: 5000,
    maxMemoryMB: 64,
  });
  assert.deepEqual(good.answer.reply.result, { ok: true, data: { n: 1 } });
  assert.deepEqual(good.outcomes, ["ok", "ok"]);
  const failures = { fail: "tool_error", "queue-full": "queue_full", die: "sidecar_exited" };
  for (const [code, outcome] of Object.entries(failures)) {
    assert.deepEqual((await run({ runIds: ["c"], code })).outcomes, [outcome]);
  }
  const { answer } = await run({ runIds: ["d"], code: 7, timeout: "soon" });
  assert.equal(answer.error.code, "invalid_params");
  for (const runIds of [undefined, [], [7], "e", Array(101).fill("e")]) {
    assert.equal(await run({ runIds, code: "echo" }), 400);
  }
});

test("a body that another page could send without asking, or that is no object, is refused", async (t) => {
  const { port, token } = await playground(t);
  const body = JSON.stringify({ runIds: ["a"], code: "echo" });
  const bodies: [type: string, body: string][] = [
    ["text/plain", body],
    ["application/x-www-form-urlencoded", body],
    ["application/json", "[]"],
    ["application/json", "{"],
  ];
  for (const [type, sent] of bodies) {
    const headers = { "Content-Type": type };
    const { status } = await ask({ port, path: `/${token}/run`, method: "POST", headers, body: sent });
    assert.equal(status, 400, type);
  }
});

test("what goes on is sent as events, and a run that is cancelled, or whose page goes away, ends", async (t) => {
  const { runner, url } = await playground(t);
  const events = await fetch(`${url}events`);
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader() ?? assert.fail();
  let seen = "";
  const until = async (expected: RegExp): Promise<void> => {
    while (!expected.test(seen)) {
      const { value, done } = await reader.read();
      assert.ok(!done, seen);
      seen += value;
    }
  };
  await until(/event: stats\ndata: \{"gauges":\{"running":0/);
  const headers = { "Content-Type": "application/json" };
  const post = (what: string, asked: object, signal?: AbortSignal) =>
    fetch(url + what, { method: "POST", headers, body: JSON.stringify(asked), signal: signal ?? null });

  const cancelled = post("run", { runIds: ["one"], code: "hang" });
  await until(/"running":1/);
  await post("cancel", { runId: "nobody" });
  await post("cancel", { runId: "one" });
  const { outcomes } = (await (await cancelled).json()) as { outcomes: unknown };
  assert.deepEqual(outcomes, ["cancelled"]);

  seen = "";
  await until(/"running":0/);
  const page = new AbortController();
  const left = assert.rejects(post("run", { runIds: ["two"], code: "hang" }, page.signal));
  await until(/"running":1/);
  page.abort();
  await left;
  seen = "";
  await until(/"running":0/);

  await post("run", { runIds: ["three"], code: "stream" });
  await until(/event: output\ndata: \{"runId":"three","stream":"stdout","text":"one\\n"\}/);
  assert.equal((await runner.stats()).inFlight, 0);
  await reader.cancel();
});

test("closing ends the open pages and their runs, and not the host's runner", async (t) => {
  const { runner, url, close, port } = await playground(t);
  const events = await fetch(`${url}events`);
  const headers = { "Content-Type": "application/json" };
  const started = once(runner, "run");
  const body = JSON.stringify({ runIds: ["one"], code: "hang" });
  const run = fetch(`${url}run`, { method: "POST", headers, body }).catch(() => undefined);
  const reader = events.body?.getReader() ?? assert.fail();
  while (!/"running":1/.test(new TextDecoder().decode((await reader.read()).value))) {
    // Until the run is there.
  }
  await close();
  assert.equal((await started)[0].code, "cancelled");
  await run;
  while (!(await reader.read()).done) {
    // Until the server has hung up.
  }
  await assert.rejects(ask({ port, path: "/" }), { code: "ECONNREFUSED" });
  assert.equal((await runner.run({ code: "echo" }, 1)).result.data, 1);
});

test("without a sidecar the page is told why", async (t) => {
  const page = await startPlayground({ sidecar: "/nonexistent/python3" });
  t.after(() => page.close());
  const events = await fetch(`${page.url}events`);
  let seen = "";
  for await (const chunk of events.body ?? []) {
    seen += Buffer.from(chunk as Uint8Array).toString();
    if (/trouble/.test(seen)) break;
  }
  assert.match(seen, /event: trouble\ndata: \{"message":"Failed to spawn Python process/);
});
