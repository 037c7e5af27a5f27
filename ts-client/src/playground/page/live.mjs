/** What goes on in the sidecar: gauges, and the calls in flight with a button to cancel each. */

/** More would push the rest off the page. */
const MAX_ROWS = 8;

const inFlight = document.getElementById("in-flight");
const list = inFlight.querySelector("ol");
const rows = new Map();

/**
 * @param {{ isOwn: (runId: string) => boolean, cancel: (runId: string) => void, output: (chunk: object) => void }} handlers
 */
export function watch({ isOwn, cancel, output }) {
  const events = new EventSource("events");
  const trouble = document.getElementById("trouble");
  const say = (text) => {
    trouble.textContent = text;
    trouble.hidden = text === "";
  };
  events.addEventListener("open", () => say(""));
  events.addEventListener("error", () => say("The playground does not answer; has it been closed?"));
  events.addEventListener("trouble", ({ data }) => say(JSON.parse(data).message));
  events.addEventListener("output", ({ data }) => output(JSON.parse(data)));
  events.addEventListener("stats", ({ data }) => {
    const { gauges, calls } = JSON.parse(data);
    say("");
    for (const shown of document.querySelectorAll("[data-gauge]")) {
      shown.textContent = gauges[shown.dataset.gauge];
      shown.classList.toggle("busy", shown.dataset.gauge !== "standby" && gauges[shown.dataset.gauge] > 0);
    }
    draw(calls, { isOwn, cancel });
  });
}

function draw(calls, handlers) {
  const listed = calls.slice(0, MAX_ROWS);
  for (const [runId, row] of rows) {
    if (listed.some((call) => call.runId === runId)) continue;
    row.remove();
    rows.delete(runId);
  }
  for (const call of listed) {
    const row = rows.get(call.runId) ?? addRow(call, handlers);
    row.className = call.state;
    row.querySelector(".state").textContent = call.state;
    row.querySelector(".ms").textContent = `${(call.ms / 1000).toFixed(1)} s`;
  }
  inFlight.querySelector(".empty").hidden = calls.length > 0;
  const more = inFlight.querySelector(".more");
  more.hidden = calls.length <= MAX_ROWS;
  more.textContent = `and ${calls.length - MAX_ROWS} more`;
}

function addRow({ runId, tool }, { isOwn, cancel }) {
  const row = document.createElement("li");
  for (const [name, text] of [
    ["state", ""],
    ["name", tool ?? "inline code"],
    ["id", runId.slice(0, 8)],
    ["ms", ""],
  ]) {
    const cell = document.createElement("span");
    cell.className = name;
    cell.textContent = text;
    row.append(cell);
  }
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Cancel";
  button.addEventListener("click", () => {
    button.disabled = true;
    cancel(runId);
  });
  button.disabled = !isOwn(runId); // Others that share the sidecar have calls in it as well.
  row.append(button);
  rows.set(runId, row);
  list.append(row);
  return row;
}
