// Draws the figures that the server wrote beside their tables. Colours come as names of the stylesheet's tokens
// ("--stage-canary", "--candidate/0.15"), so one figure serves the light and the dark scheme.
"use strict";

const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };
const NARROW = 520;
const TIGHT = 720;
const PAPER = 670;
const PIN_REACH = 24;
const TOKEN = /^--([\w-]+)(?:\/([\d.]+))?$/;

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

function colour(text) {
  const [, name, alpha] = text.match(TOKEN);
  probe.style.color = `var(--${name})`;
  const solid = getComputedStyle(probe).color;
  return alpha ? solid.replace("rgb(", "rgba(").replace(")", `, ${alpha})`) : solid;
}

function painted(value) {
  if (typeof value === "string") return TOKEN.test(value) ? colour(value) : value;
  if (Array.isArray(value)) return value.map(painted);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, painted(inner)]));
  }
  return value;
}

/** A figure as Plotly takes it. Traces of a long history name their days, which the figure has once for all of them. */
function figureOf(text) {
  const { data, layout, days } = JSON.parse(text);
  return painted({ data: data.map((trace) => (trace.x === "days" ? { ...trace, x: days } : trace)), layout });
}

/** Plotly bundles a map library that writes a style of its own unless it finds one of this name; we draw no maps. */
const MAP_STYLE = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

let library = null;

/** Plotly is large, so it is fetched only by pages that show a chart, after their text is there. */
function plotly() {
  library ??= new Promise((resolve, reject) => {
    const stub = document.createElement("meta");
    stub.id = MAP_STYLE;
    const script = document.createElement("script");
    script.src = document.querySelector("meta[name='plotly']").content;
    script.onload = () => resolve(window.Plotly);
    script.onerror = reject;
    document.head.append(stub, script);
  });
  return library;
}

/** A press on a pin, not somewhere above or below it, leads to where the pin's event is told. */
function follow(plot) {
  plot.on("plotly_click", ({ points, event }) => {
    const { top } = plot.getBoundingClientRect();
    for (const { data, pointIndex, yaxis, y } of points) {
      const address = data.meta?.links?.[pointIndex];
      const height = yaxis._offset + yaxis.c2p(y);
      if (address && Math.abs(event.clientY - top - height) < PIN_REACH) return location.assign(address);
    }
  });
}

const dayOf = (moment) => String(moment).slice(0, 10);

/** What a drag or a double press asks for is written into the address, and the page is asked for anew: so the chart,
    its table and its files show the same days, and the address can be sent. */
function zoomable(plot) {
  plot.on("plotly_relayout", (change) => {
    if ("xaxis.range[0]" in change) span(dayOf(change["xaxis.range[0]"]), dayOf(change["xaxis.range[1]"]));
  });
  plot.on("plotly_doubleclick", () => span(null, null));
}

function span(from, to) {
  const address = new URL(location.href);
  for (const [name, day] of [["from", from], ["to", to]]) {
    if (day) address.searchParams.set(name, day);
    else address.searchParams.delete(name);
  }
  if (address.href === location.href) return;
  history.pushState({ zoomed: true }, "", address);
  showAddress();
}

const showAddress = () => htmx.ajax("GET", location.href, { target: "#page", select: "#page", swap: "morph" });

window.addEventListener("popstate", ({ state }) => {
  if (!state?.htmx && document.querySelector("[data-zoom]")) showAddress();
});

/** The chart as a picture that explains itself, on the page's own ground: what is transparent here is black elsewhere. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-png]");
  const plot = button && document.querySelector(`[data-chart="${button.dataset.png}"]`);
  if (!plot?.layout) return;
  const size = { width: 1280, height: 680 };
  const { data, layout: wide } = figureOf(plot.drawn);
  const layout = inRows(wide, size.width);
  const title = { text: button.dataset.title, x: 0.01, xanchor: "left", font: { color: colour("--ink"), size: 15 } };
  const margin = { ...layout.margin, t: layout.margin.t + 44 };
  const whole = { ...layout, ...size, margin, title, paper_bgcolor: colour("--surface"), xaxis: { ...layout.xaxis, range: plot.layout.xaxis.range } };
  const library = await plotly();
  const address = await library.toImage({ data, layout: whole }, { format: "png", ...size, scale: 2 });
  Object.assign(document.createElement("a"), { href: address, download: `${button.dataset.name}.png` }).click();
});

/** On a phone there is room for fewer moments under the axis, and for the names that matter most above it. */
function fitted(layout, width, height) {
  const narrow = width < NARROW;
  const said = layout.annotations ?? [];
  const annotations = narrow ? said.filter(({ name }) => name !== "aside") : said;
  const xaxis = { ...layout.xaxis, ...(narrow ? { nticks: 4 } : {}) };
  return inRows({ ...layout, annotations, height, xaxis }, width);
}

const ROW = 18;
const LETTER = 7;
const AXIS = 40;

/** The names of days stand above the chart before their lines, in as many rows as keep them apart at this width. */
function inRows(layout, width) {
  const { margin, annotations, xaxis } = layout;
  if (!annotations?.some(isMark)) return layout;
  const room = width - margin.l - margin.r - AXIS;
  const [first, last] = xaxis.range.map(Date.parse);
  const rows = [];
  const placed = annotations.map((said) => {
    if (!isMark(said)) return said;
    const at = (room * (Date.parse(said.x) - first)) / Math.max(1, last - first);
    const long = (said.text.length + 1) * LETTER;
    // At the left edge there is no room before the line; nor behind it, where the chart is as narrow as the name.
    const shift = Math.min(0, room + margin.r - at - long);
    const begins = at > long ? at - long : at + shift;
    const free = rows.findIndex((end) => begins >= end);
    const row = free < 0 ? rows.length : free;
    rows[row] = begins + long;
    return { ...said, yshift: ROW * row, ...(at > long ? {} : { xanchor: "left", xshift: shift }) };
  });
  return { ...layout, annotations: placed, margin: { ...margin, t: margin.t + ROW * (rows.length - 1) } };
}

const isMark = ({ name }) => name === "mark" || name === "aside";

/** Where there is little room, a trace has the short names that it brought for that, or smaller signs. */
function shortened(trace, width) {
  const { meta } = trace;
  const text = meta?.narrow && width < (meta.links ? NARROW : TIGHT) ? { text: meta.narrow } : {};
  return meta?.links && width < NARROW ? { ...trace, ...text, marker: { ...trace.marker, size: 6 } } : { ...trace, ...text };
}

async function draw(again) {
  const plots = [...document.querySelectorAll("[data-chart]")];
  if (!plots.length) return;
  const library = await plotly();
  for (const plot of plots) paint(library, plot, again);
}

function paint(library, plot, again) {
  const text = document.getElementById(plot.dataset.chart)?.textContent;
  if (!text || (text === plot.drawn && !again)) return null;
  const first = plot.drawn === undefined;
  plot.drawn = text;
  const { data, layout } = figureOf(text);
  // A finger that is drawn across a chart scrolls the page; days can be chosen in the filter too.
  const zooms = "zoom" in plot.dataset && !matchMedia("(pointer: coarse)").matches;
  const width = isPaper ? Math.min(plot.clientWidth, PAPER) : plot.clientWidth;
  const traces = data.map((trace) => shortened(trace, width));
  const size = isPaper ? { width } : {};
  const drawn = library.react(plot, traces, { ...fitted(layout, width, plot.clientHeight), ...size, ...(zooms ? { dragmode: "zoom" } : {}) }, CONFIG);
  if (first) follow(plot);
  if (first && zooms) zoomable(plot);
  return drawn;
}

/** What is fetched when it comes into sight is on paper too. Printing waits for nobody, so it is fetched at one go. */
function fetchUnseen() {
  for (const unseen of document.querySelectorAll("[data-unseen]")) {
    const part = unseen.closest("[hx-get]");
    const address = new URL(part.getAttribute("hx-get"), location.href);
    const request = new XMLHttpRequest();
    request.open("GET", address, false);
    try {
      request.send();
    } catch {
      return; // offline: what is there is printed
    }
    // Whoever is signed out meanwhile is led elsewhere.
    if (request.status === 200 && request.responseURL === address.href) part.innerHTML = request.responseText;
  }
}

/** A sheet is as wide as it is, whatever the window: nobody asks a browser for that before it prints. */
let isPaper = false;

/** On paper everything is light. */
function onPaper(printing) {
  isPaper = printing;
  if (!window.Plotly) return;
  const root = document.documentElement;
  if (printing) root.dataset.screen = root.dataset.theme ?? "";
  const theme = printing ? "light" : root.dataset.screen;
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  for (const plot of document.querySelectorAll("[data-chart]")) paint(window.Plotly, plot, true);
}

window.addEventListener("beforeprint", () => {
  fetchUnseen();
  onPaper(true);
});
window.addEventListener("afterprint", () => onPaper(false));
document.addEventListener("htmx:afterSwap", () => draw(false));
document.addEventListener("theme", () => draw(true));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
draw(false);
