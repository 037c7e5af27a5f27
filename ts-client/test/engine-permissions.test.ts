import assert from "node:assert/strict";
import test from "node:test";
import type { PermissionRequest } from "../src/engine/permissions.js";
import { ToolEngine, type ToolEngineOptions } from "../src/engine/tool-engine.js";

/** An engine with one tool that takes two permissions, and how often that tool has run. */
function guarded(options?: ToolEngineOptions, events: [string, object][] = []) {
  const bus = { emit: (type: string, payload: object) => events.push([type, payload]) };
  const engine = new ToolEngine(bus, options);
  const runs: unknown[] = [];
  const definition = { id: "send", permissions: ["mail:read", "mail:send"], schema: { type: "object" } };
  engine.register(definition, (args) => runs.push(args));
  return { engine, runs };
}

test("a caller that holds every permission of a tool may use it, and no other may", async () => {
  const { engine, runs } = guarded();
  const permissions = ["mail:send", "mail:read", "more"];
  assert.equal((await engine.invoke("send", {}, { caller: { id: "a", permissions } })).ok, true);
  const refused = await engine.invoke("send", 7, { caller: { id: "b", permissions: ["mail:read", "*"] } });
  assert.deepEqual(refused, {
    ok: false,
    error: {
      message: 'The caller "b" may not use the tool "send": it takes mail:send.',
      type: "PermissionError",
      code: "permission_denied",
      missing: ["mail:send"],
    },
  });
  assert.equal(runs.length, 1);
});

test("no caller, and what is no caller, holds nothing", async () => {
  const { engine, runs } = guarded();
  engine.register({ id: "free" }, () => 1);
  const permissions = ["mail:read", "mail:send"];
  for (const caller of [undefined, null, "root", {}, { permissions }, { id: 1, permissions }, { id: "x" }]) {
    const { error } = await engine.invoke("send", {}, { caller } as never);
    assert.deepEqual([error?.code, error?.missing], ["permission_denied", permissions]);
    assert.equal((await engine.invoke("free", {}, { caller } as never)).ok, true);
  }
  const texts = await engine.invoke("send", {}, {
    caller: { id: "x", permissions: "mail:read mail:send" },
  } as never);
  assert.equal(texts.error?.code, "permission_denied");
  assert.equal((await engine.invoke("send", {}, null as never)).error?.code, "permission_denied");
  assert.equal(runs.length, 0);
});

test("a refused call does not tell whether its arguments would fit, and its events name the caller", async () => {
  const events: [string, object][] = [];
  const { engine } = guarded({}, events);
  await engine.invoke("send", "no object", { caller: { id: "agent-7" } });
  assert.deepEqual(
    events.map(([type, payload]) => [type, (payload as { callerId?: string }).callerId]),
    [
      ["ToolInvocationEvent", "agent-7"],
      ["ToolErrorEvent", "agent-7"],
    ],
  );
  assert.match(JSON.stringify(events[1]), /permission_denied/);
});

test("a host's own policy decides in place of the permissions, with the whole request before it", async () => {
  const requests: PermissionRequest[] = [];
  const answers: unknown[] = [true, "ask a person first", false, undefined, "", 1];
  const { engine, runs } = guarded({
    authorize: async (request) => {
      requests.push(request);
      if (answers.length === 0) throw new Error("the policy's database is away");
      return answers.shift() as boolean;
    },
  });
  const caller = { id: "a", permissions: [] };
  assert.equal((await engine.invoke("send", { to: "b" }, { caller })).ok, true);
  assert.deepEqual(requests[0]?.args, { to: "b" });
  assert.deepEqual([requests[0]?.caller, requests[0]?.tool.id], [caller, "send"]);
  const messages: string[] = [];
  while (messages.length < 6) {
    const { error } = await engine.invoke("send", {}, { caller });
    assert.equal(error?.code, "permission_denied");
    messages.push(error?.message ?? "");
  }
  assert.match(messages[0] ?? "", /tool "send": ask a person first$/);
  assert.match(messages[1] ?? "", /may not use the tool "send"\.$/);
  assert.match(messages.at(-1) ?? "", /the policy failed: the policy's database is away$/);
  assert.equal(runs.length, 1);
});
