// Draws the figures that the server wrote beside their tables. Colours come as names of the stylesheet's tokens
// ("--stage-canary", "--candidate/0.15"), so one figure serves the light and the dark scheme.
"use strict";

const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset" };
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

/** A press on a pin, not somewhere on the line below it, leads to where the pin's event is told. */
function follow(plot) {
  plot.on("plotly_click", ({ points, event }) => {
    const pin = points.find(({ data }) => data.meta?.links);
    const address = pin?.data.meta.links[pin.pointIndex];
    const { top } = plot.getBoundingClientRect();
    if (address && event.clientY - top < plot.layout.margin.t + PIN_REACH) location.assign(address);
  });
}

/** On a phone there is room for fewer moments under the axis. */
function fitted(layout, plot) {
  const narrow = plot.clientWidth < 520;
  return { ...layout, height: plot.clientHeight, xaxis: { ...layout.xaxis, ...(narrow ? { nticks: 4 } : {}) } };
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
    await library.react(plot, data, fitted(layout, plot), CONFIG);
    if (first) follow(plot);
  }
}

document.addEventListener("htmx:afterSwap", () => draw(false));
document.addEventListener("theme", () => draw(true));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
draw(false);
