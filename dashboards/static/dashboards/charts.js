// Draws the figures that the server wrote beside their tables. Colours come as names of the stylesheet's tokens
// ("--stage-canary", "--candidate/0.15"), so one figure serves the light and the dark scheme.
"use strict";

const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "autosize" };
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

/** The days that the address asks for, as Plotly takes them; null where it names none. */
function asked(plot) {
  const query = new URLSearchParams(location.search);
  const [from, to] = [query.get("from"), query.get("to")];
  if (!from && !to) return null;
  return [from || plot.whole[0], to || plot.whole[1]];
}

/** Zooming by a drag writes the days into the address, so that it can be sent; going back restores them. */
function zoomable(plot, library) {
  plot.on("plotly_relayout", (change) => {
    if (plot.restoring || !("xaxis.range[0]" in change || "xaxis.autorange" in change)) return;
    const address = new URL(location.href);
    const whole = "xaxis.autorange" in change;
    for (const [name, at] of [["from", 0], ["to", 1]]) {
      if (whole) address.searchParams.delete(name);
      else address.searchParams.set(name, dayOf(change[`xaxis.range[${at}]`]));
    }
    if (address.href !== location.href) history.pushState({ zoomed: true }, "", address);
    if (whole) restore(plot, library);
  });
}

async function restore(plot, library) {
  plot.restoring = true;
  await library.relayout(plot, { "xaxis.range": asked(plot) || plot.whole });
  plot.restoring = false;
}

window.addEventListener("popstate", async (event) => {
  if (event.state?.htmx) return;
  for (const plot of document.querySelectorAll("[data-zoom]")) {
    if (plot.whole) restore(plot, await plotly());
  }
});

/** The chart as a picture, on the page's own ground: what is transparent here is black elsewhere. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-png]");
  const plot = button && document.querySelector(`[data-chart="${button.dataset.png}"]`);
  if (!plot?.layout) return;
  const layout = { ...plot.layout, paper_bgcolor: colour("--surface"), width: 1280, height: 640 };
  const library = await plotly();
  const address = await library.toImage({ data: plot.data, layout }, { format: "png", width: 1280, height: 640, scale: 2 });
  Object.assign(document.createElement("a"), { href: address, download: `${button.dataset.name}.png` }).click();
});

/** On a phone there is room for fewer moments under the axis, and for the names that matter most above it. */
function fitted(layout, plot) {
  const narrow = plot.clientWidth < 520;
  const said = layout.annotations ?? [];
  const annotations = narrow ? said.filter(({ name }) => name !== "aside") : said;
  const xaxis = { ...layout.xaxis, ...(narrow ? { nticks: 4 } : {}) };
  return { ...layout, annotations, height: plot.clientHeight, xaxis };
}

async function draw(again) {
  const plots = [...document.querySelectorAll("[data-chart]")];
  if (!plots.length) return;
  const library = await plotly();
  for (const plot of plots) {
    const text = document.getElementById(plot.dataset.chart)?.textContent;
    if (!text || (text === plot.drawn && !again)) continue;
    const first = plot.drawn === undefined;
    plot.drawn = text;
    const { data, layout } = painted(JSON.parse(text));
    const zooms = "zoom" in plot.dataset;
    plot.whole = layout.xaxis.range;
    await library.react(plot, data, { ...fitted(layout, plot), ...(zooms ? { dragmode: "zoom" } : {}) }, CONFIG);
    if (first) follow(plot);
    if (first && zooms) zoomable(plot, library);
  }
}

document.addEventListener("htmx:afterSwap", () => draw(false));
document.addEventListener("theme", () => draw(true));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
draw(false);
