// The four charts: one request for all, a shared cursor, the limit and the incidents drawn in.
import { clock, number, tick } from "./format.js";

const uPlot = globalThis.uPlot;
const HEIGHT = 158;
const AT_MOST_EVERY = 5000;

// A colour of the style sheet as canvas takes it; custom properties would come unresolved.
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const faded = (rgb, share) => rgb.replace("rgb(", "rgba(").replace(")", `, ${share})`);

export class Charts {
  #list;
  #plots = new Map();
  #data = null;
  #timer = 0;
  #last = 0;

  constructor(list) {
    this.#list = list;
    this.window = document.getElementById("window");
    this.window.addEventListener("change", () => this.load());
    document.addEventListener("memmon:theme", () => this.#draw(true));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw(true));
    new ResizeObserver(() => this.#resize()).observe(list);
    this.load();
  }

  soon() {
    if (this.#timer || document.hidden) return;
    this.#timer = setTimeout(() => this.load(), Math.max(200, AT_MOST_EVERY - (Date.now() - this.#last)));
  }

  async load() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#last = Date.now();
    try {
      const answer = await fetch(`/dashboard/charts?window=${this.window.value}`, { signal: AbortSignal.timeout(15000) });
      if (!answer.ok) return;
      const first = !this.#data;
      this.#data = trimmed(await answer.json());
      if (first && this.#data.empty && this.window.value === "3600") {
        this.window.value = "900"; // There is little to see yet: the shorter time shows it better.
        return this.load();
      }
      this.#draw();
    } catch {
      return; // The state at the top says that nothing comes; the lines stay as they are.
    }
  }

  #draw(anew = false) {
    if (!this.#data) return;
    for (const chart of this.#data.charts) {
      const card = this.#list.querySelector(`[data-chart="${chart.key}"]`);
      this.#say(card, chart);
      let plot = this.#plots.get(chart.key);
      if (plot && (anew || plot.about.threshold !== chart.threshold || plot.about.over !== over(chart))) {
        plot.chart.destroy();
        plot = null;
      }
      if (!plot) {
        const about = { unit: chart.unit, threshold: chart.threshold, over: over(chart), marks: [] };
        plot = { about, chart: make(card.querySelector(".canvas"), about) };
        this.#plots.set(chart.key, plot);
      }
      plot.about.marks = this.#data.marks;
      const zoomed = plot.about.zoomed;
      plot.chart.setData([this.#data.times, chart.values], !zoomed);
      if (zoomed) plot.chart.redraw();
    }
  }

  #say(card, chart) {
    const known = chart.values.filter((value) => value !== null);
    const last = chart.values.at(-1);
    const output = card.querySelector(".value");
    output.textContent = (over(chart) ? "▲ " : "") + number(last, chart.unit);
    output.classList.toggle("over", over(chart));
    output.title = over(chart) ? "over its limit" : "";
    if (chart.threshold !== null) card.querySelector(".limit").textContent = `limit ${number(chart.threshold, chart.unit)}`;
    const text = known.length
      ? `${chart.title}: now ${number(last, chart.unit)}, highest ${number(Math.max(...known), chart.unit)}` +
        (chart.threshold === null ? "" : `, limit ${number(chart.threshold, chart.unit)}`)
      : `${chart.title}: no data in this time`;
    const canvas = card.querySelector(".canvas");
    canvas.setAttribute("aria-label", text);
    const hint = canvas.querySelector(".hint");
    hint.textContent = known.length ? "" : chart.error ? `cannot be drawn: ${chart.error}` : "No data in this time yet";
  }

  #resize() {
    for (const { chart } of this.#plots.values()) {
      const width = chart.root.parentElement.clientWidth;
      if (width && width !== chart.width) chart.setSize({ width, height: HEIGHT });
    }
  }
}

// Without the time before the first data, of which at least five minutes are left.
function trimmed(data) {
  const first = data.times.findIndex((_, at) => data.charts.some((chart) => chart.values[at] !== null));
  const last = data.times.at(-1);
  const from = data.times.findIndex((at) => at >= last - 300);
  const at = first < 0 ? 0 : Math.max(0, Math.min(first - 1, from));
  const charts = data.charts.map((chart) => ({ ...chart, values: chart.values.slice(at) }));
  return { ...data, charts, times: data.times.slice(at), empty: first < 0 || data.times[first] > last - 900 };
}

function over(chart) {
  const last = chart.values.at(-1);
  return chart.threshold !== null && last !== null && last > chart.threshold;
}

function make(place, about) {
  const line = colour(about.over ? "bad" : "accent");
  const [edge, muted] = [colour("edge"), colour("muted")];
  const axis = { stroke: muted, font: "11px system-ui, sans-serif", grid: { stroke: edge, width: 1 }, ticks: { show: false } };
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  const options = {
    width: place.clientWidth || 300,
    height: HEIGHT,
    padding: [14, 16, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "memmon" }, y: false, points: { size: 7, fill: line, stroke: line }, drag: { x: true, y: false, setScale: true } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, ceiling(high, about.threshold)] } },
    axes: [
      { ...axis, grid: { show: false }, values: (_, splits) => splits.map((at) => clock(at * 1000)), space: 70, size: 26 },
      { ...axis, size: 52, space: 36, values: (_, splits) => splits.map((value) => tick(value, about.unit)) },
    ],
    series: [{}, { stroke: line, width: 1.6, fill: faded(line, 0.12), spanGaps: false, points: { show: false } }],
    hooks: {
      draw: [(plot) => drawLimit(plot, about), (plot) => drawMarks(plot, about)],
      setCursor: [(plot) => showTip(plot, tip, about)],
      setSelect: [() => (about.zoomed = true)],
      ready: [(plot) => plot.over.append(tip)],
    },
  };
  const chart = new uPlot(options, [[], []], place);
  chart.over.addEventListener("dblclick", () => (about.zoomed = false));
  return chart;
}

const ceiling = (high, limit) => Math.max((high ?? 0) * 1.15, (limit ?? 0) * 1.15) || 1;

function showTip(plot, tip, about) {
  const { idx, left } = plot.cursor;
  const value = idx === null || idx === undefined ? null : plot.data[1][idx];
  tip.hidden = value === null || value === undefined || left < 0;
  if (tip.hidden) return;
  tip.textContent = `${clock(plot.data[0][idx] * 1000, true)}  ${number(value, about.unit)}`;
  const width = plot.over.clientWidth;
  tip.style.left = `${Math.min(Math.max(0, left - tip.offsetWidth / 2), width - tip.offsetWidth)}px`;
}

function stroke(plot, name, dash, from, to) {
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = colour(name);
  ctx.lineWidth = 1.4 * devicePixelRatio;
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
  ctx.restore();
}

function drawLimit(plot, { threshold }) {
  if (threshold === null) return;
  const y = plot.valToPos(threshold, "y", true);
  const { left, width, top } = plot.bbox;
  if (y >= top) stroke(plot, "bad-bar", [5, 4], [left, y], [left + width, y]);
}

function drawMarks(plot, { marks }) {
  const { left, width, top, height } = plot.bbox;
  let free = -Infinity;
  for (const mark of [...marks].sort((a, b) => a.at - b.at)) {
    const x = plot.valToPos(mark.at, "x", true);
    if (x < left || x > left + width) continue;
    stroke(plot, "warn", [2, 3], [x, top], [x, top + height]);
    const { ctx } = plot;
    ctx.save();
    ctx.fillStyle = colour("warn");
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    const length = ctx.measureText(mark.label).width + 8 * devicePixelRatio;
    const at = Math.min(x + 3 * devicePixelRatio, left + width - length);
    if (at > free) {
      ctx.fillText(mark.label, at, top - 3 * devicePixelRatio);
      free = at + length;
    }
    ctx.restore();
  }
}
