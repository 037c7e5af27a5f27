/** The answer to one run. Everything in it may come from the tool, so all of it is text and none of it markup. */

/** A browser gets slow far below what a tool may return. */
const MAX_SHOWN_CHARS = 100_000;

const answer = document.getElementById("answer");
const part = (id) => document.getElementById(id);

/** An element with a class and text. */
function make(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function cut(text) {
  const rest = text.length - MAX_SHOWN_CHARS;
  return rest > 0 ? `${text.slice(0, MAX_SHOWN_CHARS)}\n… and ${rest} characters more` : text;
}

function verdict(text, state) {
  part("verdict").textContent = text;
  answer.dataset.state = state;
}

/** Make room for the answer of a run that has just begun. */
export function clearAnswer() {
  verdict("running", "running");
  part("all").textContent = "";
  part("result").open = true;
  for (const id of ["failure", "stderr", "violations", "usage", "isolation"]) part(id).hidden = true;
  for (const pre of answer.querySelectorAll("pre")) pre.textContent = "";
  for (const small of answer.querySelectorAll("#stdout small, #stderr small")) small.textContent = "";
}

/** What the run prints while it runs. */
export function printed(stream, text) {
  const pre = part(stream).querySelector("pre");
  if (pre.textContent.length < MAX_SHOWN_CHARS) pre.append(text);
  part(stream).hidden = false;
}

/**
 * @param {{ reply?: object, error?: object }} answer
 * @param {{ outcomes: string[], goToLine: (line: number) => void }} options
 */
export function showAnswer({ reply, error }, { outcomes, goToLine }) {
  const result = reply?.result ?? { ok: false, error };
  const isOk = Boolean(result.ok);
  verdict(isOk ? "ok" : String(result.error?.code ?? "failed"), isOk ? "ok" : "failed");
  part("all").textContent = outcomes.length > 1 ? summary(outcomes) : "";
  part("result").querySelector("pre").textContent = cut(JSON.stringify(result, null, 2));
  part("result").open = isOk;
  showFailure(isOk ? undefined : result.error, goToLine);
  if (reply === undefined) return;
  for (const stream of ["stdout", "stderr"]) {
    const text = reply[stream];
    part(stream).querySelector("pre").textContent = cut(text);
    part(stream).querySelector("small").textContent = reply[`${stream}Truncated`] ? "cut at its limit" : "";
    part(stream).hidden = stream === "stderr" && text === "";
  }
  showViolations(reply.violations ?? [], goToLine);
  showUsage(reply.usage);
  part("isolation").hidden = false;
  part("isolation").dataset.level = reply.isolation.level;
  part("isolation").querySelector("small").textContent = reply.isolation.level;
  part("isolation")
    .querySelector("ul")
    .replaceChildren(...reply.isolation.layers.map((layer) => make("li", "", layer)));
}

/** How many runs ended in which way. */
function summary(outcomes) {
  const counts = new Map();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return `${outcomes.length} runs: ${[...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ")}`;
}

function showFailure(error, goToLine) {
  const section = part("failure");
  section.hidden = typeof error !== "object" || error === null;
  if (section.hidden) return;
  const { type = "", message = "", hint, line, traceback } = error;
  section.replaceChildren(make("strong", "", String(type)), make("p", "message", cut(String(message))));
  if (Number.isInteger(line)) section.querySelector("strong").append(" ", lineButton(line, goToLine));
  if (hint) section.append(make("p", "hint", String(hint)));
  if (traceback) section.append(make("pre", "traceback", cut(String(traceback))));
}

function lineButton(line, goToLine) {
  const button = make("button", "line", `line ${line}`);
  button.type = "button";
  button.addEventListener("click", () => goToLine(line));
  return button;
}

function showViolations(violations, goToLine) {
  const rows = violations.map(({ line, call, argument, count, policy }) => {
    const row = document.createElement("tr");
    row.title = policy;
    row.append(
      make("td", "", ""),
      make("td", "call", call),
      make("td", "argument", argument),
      make("td", "", count),
    );
    if (line) row.firstChild.append(lineButton(line, goToLine));
    return row;
  });
  part("violations").hidden = rows.length === 0;
  part("violations")
    .querySelector("tbody")
    .replaceChildren(...rows);
}

function showUsage(usage) {
  const { queueMs, spawnMs, runMs, wallMs, cpuMs, peakMemoryMB, maxRssMB } = usage;
  const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
  const facts = [
    ["queued", ms(queueMs), "until its turn"],
    ["spawned", ms(spawnMs), "until it had a jailed process"],
    ["in the tool", ms(runMs), "the tool's own time"],
    ["in all", ms(wallMs), "until the process was dead and the result checked"],
    ["CPU", ms(cpuMs), "of the process"],
    ["memory", `${peakMemoryMB} MiB`, "the peak of what was held for the call"],
    ["resident", `${maxRssMB} MiB`, "the peak, with the interpreter's own"],
  ];
  const items = facts.map(([name, value, meaning]) => {
    const item = document.createElement("div");
    item.title = meaning;
    item.append(make("dt", "", name), make("dd", "", value));
    return item;
  });
  part("usage").hidden = false;
  part("usage")
    .querySelector("dl")
    .replaceChildren(...items);
}
