/** The playground's page in a real browser, over the real sidecar. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Browser, Page } from "playwright-core";
import { PyRunner } from "../../src/index.js";
import { type Playground, startPlayground } from "../../src/playground/index.js";
import { chromiumPath, launch } from "../chromium.js";

/** A browser and a sidecar start on a machine that may be busy. */
const WAIT_MS = 60_000;

const executablePath = chromiumPath();
const options = executablePath === undefined ? { skip: "chromium is not on PATH" } : { timeout: 3 * WAIT_MS };

test("the playground's page", options, async (t) => {
  const runner = new PyRunner({ env: { PYRUNNER_MAX_CONCURRENCY: "2" }, share: false });
  const playground: Playground = await startPlayground({ runner });
  const browser: Browser = await launch(executablePath ?? assert.fail());
  t.after(async () => {
    await browser.close();
    await playground.close();
    await runner.close();
  });
  const page: Page = await browser.newPage();
  page.setDefaultTimeout(WAIT_MS);
  /** What the page said against its own rules, or failed at. */
  const faults: string[] = [];
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(playground.url);

  /** Type a tool, run it, and wait until the answer has this verdict. */
  const run = async (code: string, args: string, verdict: string): Promise<void> => {
    await page.fill("#code", code);
    await page.fill("#args", args);
    await page.click("#run");
    await page.locator("#verdict", { hasText: new RegExp(`^${verdict}$`) }).waitFor();
  };
  // biome-ignore lint/performance/useDomNodeTextContent: what a person sees is what is tested
  const text = (selector: string): Promise<string> => page.innerText(selector);

  await t.test(
    "a tool that is typed is run, and its result, output, usage and layers are shown",
    async () => {
      await run("def run(args):\n    print('hello')\n    return args['n'] * 2", '{"n": 21}', "ok");
      assert.deepEqual(JSON.parse(await text("#result pre")), { ok: true, data: 42 });
      assert.equal(await text("#stdout pre"), "hello\n");
      assert.match(await text("#usage"), /in the tool\s+[\d.]+ ms/);
      assert.match(await text("#isolation"), /strict[\s\S]*seccomp/);
      assert.equal(await page.locator("#failure").isVisible(), false);
    },
  );

  await t.test("calls that the jail refused are listed, each with its line", async () => {
    await run("def run(args):\n    try:\n        open('/etc/passwd')\n    except OSError: pass", "", "ok");
    assert.match(await text("#violations tbody"), /line 3\s+open\s+\/etc\/passwd\s+1/);
    await page.click("#violations button.line");
    const selected = await page.evaluate("getSelection().toString()");
    assert.equal(selected, "        open('/etc/passwd')");
  });

  await t.test(
    "a failure is shown with its type, line and hint, and nothing of it is taken for markup",
    async () => {
      await run("def run(args):\n    raise ValueError('<img src=x onerror=alert(1)>')", "{}", "tool_error");
      assert.match(await text("#failure"), /ValueError\s+line 2\s+<img src=x onerror=alert\(1\)>/);
      assert.equal(await page.locator("#answer img").count(), 0);
    },
  );

  await t.test("arguments that are not JSON are refused before anything is sent", async () => {
    const before = (await runner.stats()).requests.run;
    await page.fill("#args", "{n: 1}");
    await page.click("#run");
    await page.locator("#args-fault").waitFor();
    assert.match(await text("#args-fault"), /not JSON/);
    assert.equal((await runner.stats()).requests.run, before);
  });

  await t.test(
    "output appears while the tool runs, and what runs and waits is listed and can be cancelled",
    async () => {
      await page.selectOption("#example", "Loop for ever");
      await page.fill("#timeout", "60000");
      await page.fill("#times", "3");
      await page.press("#code", "Control+Enter");
      await page.locator("#stdout pre", { hasText: "this is kept" }).waitFor();
      await page.locator("#in-flight li.running").nth(1).waitFor();
      await page.locator("#in-flight li.queued").waitFor();
      assert.match(await text("#gauges"), /running\s+2\s+queued\s+1/i);
      for (let left = 3; left > 0; left -= 1) await page.locator("#in-flight button:enabled").first().click();
      await page.locator("#verdict", { hasText: "cancelled" }).waitFor();
      await page.locator("#in-flight .empty").waitFor();
      assert.match(await text("#all"), /^3 runs: 3 cancelled$/);
      assert.equal((await runner.stats()).gauges.running, 0);
    },
  );

  await t.test(
    "calls of others that share the sidecar are listed by their tools, and are not the page's to cancel",
    async () => {
      await runner.register({ id: "forecast" }, "import time\ndef run(args): time.sleep(60)");
      const controller = new AbortController();
      const call = assert.rejects(runner.run("forecast", {}, { signal: controller.signal }));
      await page.locator("#in-flight li", { hasText: "forecast" }).waitFor();
      assert.equal(await page.locator("#in-flight li button").isVisible(), false);
      controller.abort();
      await call;
      await page.locator("#in-flight .empty").waitFor();
    },
  );

  await t.test("in a narrow window nothing is out of sight to the right", async () => {
    await page.setViewportSize({ width: 420, height: 900 });
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 420);
  });

  await t.test("a run ends with the page that asked for it, and the next page works", async () => {
    await page.selectOption("#example", "Loop for ever");
    await page.fill("#times", "1");
    await page.click("#run");
    await page.locator("#in-flight li.running").waitFor();
    await page.reload();
    await page.locator("#in-flight .empty").waitFor();
    await run("def run(args): return 'again'", "{}", "ok");
    assert.deepEqual(faults, []);
  });
});
