// The latencies as an SVG: a dot at the median and a line up to the 99th percentile, on a logarithmic scale, beside what
// each contestant isolates. Its colours are in the middle, so that it can be read on white and on black, and it has no
// background of its own.

const WIDTH = 960;
const LABELS_WIDTH = 300;
const PROPERTY_WIDTH = 58;
const CHART_LEFT = 510;
const VALUES_WIDTH = 80;
const ROW_HEIGHT = 26;
const TOP = 62;
const BOTTOM = 34;
const COLOURS = { text: "#6e7781", grid: "#8c959f", product: "#d1570c", floor: "#8c959f", peer: "#2f81c7" };
const TITLE = "One call of the Text Processor from Node: the median, and a line up to the 99th percentile";
/** Headings, and how each is told from a row's `isolates`. */
const PROPERTIES = {
  CPython: ({ cpython }) => cpython === "yes",
  kernel: ({ boundary }) => boundary === "kernel",
  fresh: ({ fresh }) => fresh === "yes",
};

/** An SVG document of every row that has a latency, the fastest first. */
export function picture(rows) {
  const measured = rows.filter(({ latency }) => latency).sort((a, b) => a.latency.p50Ms - b.latency.p50Ms);
  const height = TOP + measured.length * ROW_HEIGHT + BOTTOM;
  const scale = logScale(measured.flatMap(({ latency }) => [latency.p50Ms, latency.p99Ms]));
  const parts = [
    text(4, 18, TITLE, { weight: 600 }),
    ...Object.keys(PROPERTIES).map((name, index) =>
      text(propertyX(index), TOP - 10, name, { anchor: "middle" }),
    ),
    ...scale.ticks.map((tickMs) => gridLine(scale.x(tickMs), tickMs, height)),
    ...measured.flatMap((row, index) => line(row, TOP + (index + 0.5) * ROW_HEIGHT, scale.x)),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`,
    ` font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="${TITLE}">\n`,
    `${parts.join("\n")}\n</svg>\n`,
  ].join("");
}

/** From whole decades: `x(ms)` in pixels, and the `ticks` in ms. */
function logScale(timesMs) {
  const low = Math.floor(Math.log10(Math.min(...timesMs)));
  const high = Math.ceil(Math.log10(Math.max(...timesMs)));
  const pixelsPerDecade = (WIDTH - CHART_LEFT - VALUES_WIDTH) / (high - low);
  return {
    x: (ms) => CHART_LEFT + (Math.log10(ms) - low) * pixelsPerDecade,
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  };
}

function gridLine(x, tickMs, height) {
  const bottom = height - BOTTOM;
  const path = `<path d="M${round(x)} ${TOP - 4}V${bottom}" stroke="${COLOURS.grid}" stroke-opacity="0.35"/>`;
  return path + text(x, bottom + 18, duration(tickMs), { anchor: "middle" });
}

function line({ id, what, isolates, latency }, y, x) {
  const isProduct = id === "paced" || id === "back-to-back";
  const colour = isProduct ? COLOURS.product : isolates ? COLOURS.peer : COLOURS.floor;
  const style = isProduct ? { weight: 600, fill: colour } : {};
  const [from, to] = [x(latency.p50Ms), x(latency.p99Ms)];
  const marks = isolates ? Object.values(PROPERTIES).map((holds) => holds(isolates)) : [];
  return [
    text(LABELS_WIDTH, y + 4.5, what, { ...style, anchor: "end" }),
    ...marks.map((holds, index) => mark(propertyX(index), y, holds, colour)),
    `<path d="M${round(from)} ${y}H${round(to)}" stroke="${colour}" stroke-width="5" stroke-opacity="0.45"/>`,
    `<circle cx="${round(from)}" cy="${y}" r="5.5" fill="${colour}"/>`,
    text(to + 12, y + 4.5, duration(latency.p50Ms), style),
  ];
}

/** A tick where the property holds, a dash where it does not. */
function mark(x, y, holds, colour) {
  const path = holds ? `M${x - 5} ${y}l4 4.5l7 -9` : `M${x - 4} ${y}h8`;
  const stroke = holds ? colour : COLOURS.grid;
  return `<path d="${path}" fill="none" stroke="${stroke}" stroke-width="${holds ? 2 : 1.2}"/>`;
}

function propertyX(index) {
  return LABELS_WIDTH + (index + 0.75) * PROPERTY_WIDTH;
}

function text(x, y, content, { anchor = "start", weight = 400, fill = COLOURS.text } = {}) {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const attributes = `text-anchor="${anchor}" font-weight="${weight}" fill="${fill}"`;
  return `<text x="${round(x)}" y="${y}" ${attributes}>${escaped}</text>`;
}

function duration(ms) {
  if (ms < 1) return `${Number((ms * 1000).toPrecision(2))} µs`;
  return ms < 1000 ? `${Number(ms.toPrecision(2))} ms` : `${Number((ms / 1000).toPrecision(2))} s`;
}

function round(pixels) {
  return Math.round(pixels * 10) / 10;
}
