/** The form: what is typed, sent and cancelled. What comes back is drawn by answer.mjs, what goes on by live.mjs. */
import { clearAnswer, printed, showAnswer } from "./answer.mjs";
import { EXAMPLES } from "./examples.mjs";
import { watch } from "./live.mjs";

const element = (id) => document.getElementById(id);
const [form, code, args, fault] = ["tool", "code", "args", "args-fault"].map(element);
const example = element("example");
/** The run whose answer is on the page: of several at once, the first. */
let shown;
/** Those that this page has asked for and has no answer to. */
const own = new Set();

for (const { name } of EXAMPLES) example.append(new Option(name));

function choose() {
  const chosen = EXAMPLES[example.selectedIndex];
  code.value = chosen.code;
  args.value = JSON.stringify(chosen.args);
  fault.hidden = true;
}

function post(what, body) {
  const headers = { "Content-Type": "application/json" };
  return fetch(what, { method: "POST", headers, body: JSON.stringify(body) });
}

async function answersTo(asked) {
  try {
    const response = await post("run", asked);
    if (!response.ok) throw new Error(await response.text());
    return await response.json();
  } catch (error) {
    const message = `No answer: ${error.message}`;
    return { answer: { error: { type: error.name, code: "playground", message } }, outcomes: [] };
  }
}

async function run() {
  let parsed;
  try {
    parsed = args.value.trim() === "" ? {} : JSON.parse(args.value);
    fault.hidden = true;
  } catch (error) {
    fault.textContent = `The arguments are not JSON: ${error.message}`;
    fault.hidden = false;
    args.focus();
    return;
  }
  const runIds = Array.from({ length: element("times").valueAsNumber }, () => crypto.randomUUID());
  const asked = {
    runIds,
    code: code.value,
    args: parsed,
    timeout: element("timeout").valueAsNumber,
    maxMemoryMB: element("memory").valueAsNumber,
  };
  [shown] = runIds;
  for (const runId of runIds) own.add(runId);
  clearAnswer();
  const { answer, outcomes } = await answersTo(asked);
  for (const runId of runIds) own.delete(runId);
  if (shown === runIds[0]) showAnswer(answer, { outcomes, goToLine });
}

/** Select a line of the code; counts from 1. */
function goToLine(line) {
  const lines = code.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  code.focus();
  code.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
});
code.addEventListener("keydown", (event) => {
  // Escape first gives Tab back to those who move by keyboard.
  if (event.key === "Escape") code.blur();
  if (event.key !== "Tab" || event.shiftKey) return;
  event.preventDefault();
  code.setRangeText("    ", code.selectionStart, code.selectionEnd, "end");
});
example.addEventListener("change", choose);

choose();
watch({
  isOwn: (runId) => own.has(runId),
  cancel: (runId) => post("cancel", { runId }),
  output: ({ runId, stream, text }) => runId === shown && printed(stream, text),
});
