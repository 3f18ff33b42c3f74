// Keeps a page up to date while someone looks at it: quickly for a minute after they did something, calmly after.
// `#page[data-live]` is fetched again as it is addressed and morphed in place.
"use strict";

const QUICK_MS = 3_000;
const CALM_MS = 12_000;
const ATTENTION_MS = 60_000;

let lastAct = performance.now();
let timer = null;

function schedule() {
  clearTimeout(timer);
  const attentive = performance.now() - lastAct < ATTENTION_MS;
  timer = setTimeout(refresh, attentive ? QUICK_MS : CALM_MS);
}

function refresh() {
  const page = document.querySelector("#page[data-live]");
  const busy = document.querySelector(".htmx-request");
  if (page && !document.hidden && !busy) htmx.trigger(page, "live");
  schedule();
}

/** A page that cannot reach the server says so instead of looking alive. */
function reachable(yes) {
  document.querySelector("[data-unreachable]")?.toggleAttribute("hidden", yes);
}

for (const act of ["pointerdown", "keydown"]) {
  document.addEventListener(act, () => (lastAct = performance.now()), { passive: true });
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
// Come back to by the browser's button, a page is as it was left: what happened since is fetched at once.
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted || performance.getEntriesByType("navigation")[0]?.type === "back_forward") refresh();
});
window.addEventListener("offline", () => reachable(false));
window.addEventListener("online", refresh);

document.addEventListener("htmx:sendError", () => reachable(false));
document.addEventListener("htmx:responseError", () => reachable(false));
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  reachable(detail.xhr.status < 400);
  // Signed out meanwhile, or moved: go there as a page, never paste a stranger into this one.
  const arrived = detail.xhr.responseURL && new URL(detail.xhr.responseURL).pathname;
  const asked = new URL(detail.pathInfo.finalRequestPath, location.href).pathname;
  if (arrived && arrived !== asked) {
    detail.shouldSwap = false;
    location.assign(detail.xhr.responseURL);
  }
});
document.addEventListener("htmx:configRequest", ({ detail }) => {
  // Addresses stay short: a filter that is not set is not in them.
  for (const name of [...new Set(Object.keys(detail.parameters))]) {
    if (detail.parameters[name] === "") delete detail.parameters[name];
  }
});

schedule();
