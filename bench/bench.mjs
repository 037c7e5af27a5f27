// One warm call from Node beside a new `python3 -I` for each call: the same tool, the same arguments, every reply
// checked, the two in turn in one run, so that the machine's mood falls out of the ratio.

import { execFileSync, spawn } from "node:child_process";
import { cpus } from "node:os";
import { createRequire } from "node:module";

const { PyRunner } = createRequire(import.meta.url)("../ts-client/dist/index.js");

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const WARM_CALLS_PER_ROUND = 200;
const SPAWNED_CALLS_PER_ROUND = 20;

const TOOL = `
def run(args):
    text = args.get("text", "")
    words = text.split()
    return {"ok": True, "data": {"wordCount": len(words)}}
`;
const ARGS = { text: "the quick brown fox jumps over the lazy dog" };
const EXPECTED_WORDS = 9;
// Not a version manager's shim, which would double the peer's time.
const PYTHON = execFileSync(process.env.PYTHON_PATH || "python3", ["-c", "import sys; print(sys.executable)"], {
	encoding: "utf8",
}).trim();
// What a host would write without a runner: the code and the arguments in, one JSON object out.
const SPAWNED = `import json, sys
call = json.load(sys.stdin)
scope = {}
exec(call["code"], scope)
json.dump(scope["run"](call["args"]), sys.stdout)`;

function check(result) {
	if (result?.ok !== true || result.data.wordCount !== EXPECTED_WORDS) {
		throw new Error(`wrong reply: ${JSON.stringify(result)}`);
	}
}

function callSpawned() {
	return new Promise((resolve, reject) => {
		const child = spawn(PYTHON, ["-I", "-c", SPAWNED], { stdio: ["pipe", "pipe", "inherit"] });
		let output = "";
		child.stdout.on("data", (chunk) => {
			output += chunk;
		});
		child.on("error", reject);
		child.on("close", () => resolve(JSON.parse(output)));
		child.stdin.end(JSON.stringify({ code: TOOL, args: ARGS }));
	});
}

async function time(call, times) {
	const started = process.hrtime.bigint();
	check(await call());
	times.push(Number(process.hrtime.bigint() - started) / 1e6);
}

function quantile(times, share) {
	const sorted = [...times].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

const runner = new PyRunner();
const warm = [];
const spawned = [];
const ratios = [];
try {
	const run = runner.createRunner(TOOL);
	for (let call = 0; call < 20; call += 1) check(await run(ARGS));
	for (let round = 0; round < ROUNDS; round += 1) {
		const [warmRound, spawnedRound] = [[], []];
		for (let call = 0; call < WARM_CALLS_PER_ROUND; call += 1) await time(() => run(ARGS), warmRound);
		for (let call = 0; call < SPAWNED_CALLS_PER_ROUND; call += 1) await time(callSpawned, spawnedRound);
		ratios.push(quantile(spawnedRound, 0.5) / quantile(warmRound, 0.5));
		warm.push(...warmRound);
		spawned.push(...spawnedRound);
	}
} finally {
	await runner.close();
}

const row = (name, times) => ({
	"one call": name,
	calls: times.length,
	"p50 ms": quantile(times, 0.5).toFixed(2),
	"p99 ms": quantile(times, 0.99).toFixed(2),
});
console.table([row("PyRunner, strict, warm", warm), row("new python3 -I per call, no isolation", spawned)]);
console.log(
	`PyRunner's p50 is ${quantile(ratios, 0.5).toFixed(1)} times faster ` +
		`(${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)} over ${ROUNDS} rounds), ` +
		`its p99 ${(quantile(spawned, 0.99) / quantile(warm, 0.99)).toFixed(1)} times; ` +
		`Node ${process.version}, ${cpus().length} cores.`,
);
