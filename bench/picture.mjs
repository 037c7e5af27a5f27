// The latencies as an SVG: a dot at the median and a line up to the 99th percentile, on a logarithmic scale. Its colours
// are in the middle, so that it can be read on white and on black, and it has no background of its own.

const WIDTH = 880;
const LABELS_WIDTH = 330;
const VALUES_WIDTH = 100;
const ROW_HEIGHT = 26;
const TOP = 46;
const BOTTOM = 34;
const COLOURS = { text: "#6e7781", grid: "#8c959f", product: "#d1570c", floor: "#8c959f", peer: "#2f81c7" };

/** An SVG document of every row that has a latency, the fastest first. */
export function picture(rows) {
  const measured = rows.filter(({ latency }) => latency).sort((a, b) => a.latency.p50Ms - b.latency.p50Ms);
  const height = TOP + measured.length * ROW_HEIGHT + BOTTOM;
  const scale = logScale(measured.flatMap(({ latency }) => [latency.p50Ms, latency.p99Ms]));
  const parts = [
    text(
      0,
      18,
      "One call of the Text Processor from Node: median, and the line up to the 99th percentile",
      "start",
      600,
    ),
    ...scale.ticks.map((tick) => gridLine(scale.x(tick), tick, height)),
    ...measured.flatMap((row, index) => bar(row, TOP + (index + 0.5) * ROW_HEIGHT, scale.x)),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`,
    ` font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="Latencies of one call">\n`,
    `${parts.join("\n")}\n</svg>\n`,
  ].join("");
}

/** From whole decades: `x(ms)` in pixels, and the `ticks` in ms. */
function logScale(timesMs) {
  const [low, high] = [
    Math.floor(Math.log10(Math.min(...timesMs))),
    Math.ceil(Math.log10(Math.max(...timesMs))),
  ];
  const pixelsPerDecade = (WIDTH - LABELS_WIDTH - VALUES_WIDTH) / (high - low);
  return {
    x: (ms) => LABELS_WIDTH + (Math.log10(ms) - low) * pixelsPerDecade,
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  };
}

function gridLine(x, tickMs, height) {
  const bottom = height - BOTTOM;
  const line = `<path d="M${round(x)} ${TOP - 4}V${bottom}" stroke="${COLOURS.grid}" stroke-opacity="0.35"/>`;
  return line + text(x, bottom + 18, duration(tickMs), "middle");
}

function bar({ id, what, isolates, latency }, y, x) {
  const isProduct = id === "paced" || id === "back-to-back";
  const colour = isProduct ? COLOURS.product : isolates ? COLOURS.peer : COLOURS.floor;
  const [from, to] = [x(latency.p50Ms), x(latency.p99Ms)];
  const weight = isProduct ? 600 : 400;
  return [
    text(LABELS_WIDTH - 12, y + 4.5, what, "end", weight, isProduct ? colour : COLOURS.text),
    `<path d="M${round(from)} ${y}H${round(to)}" stroke="${colour}" stroke-width="5" stroke-opacity="0.45"/>`,
    `<circle cx="${round(from)}" cy="${y}" r="5.5" fill="${colour}"/>`,
    text(to + 12, y + 4.5, duration(latency.p50Ms), "start", weight, isProduct ? colour : COLOURS.text),
  ];
}

function text(x, y, content, anchor, weight = 400, fill = COLOURS.text) {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${round(x)}" y="${y}" text-anchor="${anchor}" font-weight="${weight}" fill="${fill}">${escaped}</text>`;
}

function duration(ms) {
  if (ms < 1) return `${Number((ms * 1000).toPrecision(2))} µs`;
  return ms < 1000 ? `${Number(ms.toPrecision(2))} ms` : `${Number((ms / 1000).toPrecision(2))} s`;
}

function round(pixels) {
  return Math.round(pixels * 10) / 10;
}
