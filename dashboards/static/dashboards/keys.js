// The keyboard, sheets, menus and the theme. Everything here has a way without a script.
"use strict";

const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

function openSheet(id) {
  const sheet = document.getElementById(id);
  if (!sheet || sheet.open) return Boolean(sheet);
  sheet.showModal();
  return true;
}

function rows() {
  return [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
}

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a.open, a[href], summary")?.focus({ preventScroll: true });
}

function current() {
  return document.activeElement?.closest("[data-row]");
}

let lastPicked = null;

/** Tick the row at hand; with `range`, all rows from the last one that was ticked. */
function pick(row, range) {
  const box = row?.querySelector("[data-pick]");
  if (!box) return;
  const all = rows().filter((each) => each.querySelector("[data-pick]"));
  const from = range && lastPicked ? all.findIndex((each) => each.dataset.key === lastPicked) : -1;
  const to = all.indexOf(row);
  const ticked = range ? true : !box.checked;
  const stretch = from < 0 ? [row] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
  for (const each of stretch) each.querySelector("[data-pick]").checked = ticked;
  lastPicked = row.dataset.key;
  countPicked();
}

/** The bar of what is chosen says how many, and its buttons what they would do to how many. */
function countPicked() {
  const bar = document.querySelector(".selection");
  if (!bar) return;
  const picked = document.querySelectorAll("[data-pick]:checked").length;
  bar.classList.toggle("some", picked > 0);
  bar.querySelector("[data-picked-none]").hidden = picked > 0;
  const told = bar.querySelector("[data-picked-some]");
  told.hidden = picked === 0;
  const count = picked.toLocaleString(document.documentElement.lang);
  for (const each of bar.querySelectorAll("[data-told]")) each.textContent = each.dataset.told.replace("{count}", count);
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-pick]")) {
    lastPicked = event.target.closest("[data-row]")?.dataset.key ?? null;
    countPicked();
  }
  // A word typed into the search and a control of the same name: the one that was touched last counts.
  const search = event.target.form?.querySelector("[data-words]");
  if (search && event.target.nodeName === "SELECT" && search.dataset.words.split(" ").includes(event.target.name)) {
    search.value = search.value.replace(new RegExp(`(^|\\s)${event.target.name}:("[^"]*"|\\S*)`, "g"), "").trim();
  }
}, { capture: true });
document.addEventListener("reset", () => setTimeout(countPicked));
document.addEventListener("htmx:afterSettle", countPicked);
window.addEventListener("pageshow", countPicked);

function goTo(letter) {
  document.querySelector(`a[data-go="${letter}"]`)?.click();
}

const ACTS = {
  "/": () => document.querySelector("[data-search]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
  x: () => pick(current(), false),
  X: () => pick(current(), true),
  "?": () => openSheet("keys"),
};

let afterG = false;

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    if (openSheet("palette")) event.preventDefault();
    return;
  }
  if (event.key === "Escape") closeMenus(null);
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (afterG) {
    afterG = false;
    goTo(event.key);
    return;
  }
  if (event.key === "g") {
    afterG = true;
    setTimeout(() => (afterG = false), 1_000);
    return;
  }
  const act = ACTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

/** In the palette the arrows walk through what was found, and Enter opens the first of it. */
document.addEventListener("keydown", (event) => {
  const palette = event.target.closest("#palette");
  if (!palette || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
  const stops = [palette.querySelector("input"), ...palette.querySelectorAll("a")];
  const at = stops.indexOf(event.target);
  if (event.key === "Enter") {
    if (at > 0 || stops.length === 1) return;
    event.preventDefault();
    stops[1].click();
    return;
  }
  event.preventDefault();
  stops[Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), stops.length - 1)].focus();
});

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.menu"));
  const opener = event.target.closest("[data-sheet]");
  if (opener && openSheet(opener.dataset.sheet)) event.preventDefault();
  const closer = event.target.closest("[data-close]");
  const sheet = closer?.closest("dialog") ?? (event.target.nodeName === "DIALOG" ? event.target : null);
  if (sheet) {
    event.preventDefault();
    sheet.close();
  }
});

document.addEventListener("submit", (event) => {
  const chosen = event.submitter?.dataset.theme;
  if (chosen === undefined) {
    // One press, one request: a second press of the same button does nothing.
    if (event.target.method === "post") {
      if (event.target.dataset.sent) event.preventDefault();
      event.target.dataset.sent = "yes";
    }
    return;
  }
  event.preventDefault();
  document.cookie = `theme=${chosen}; path=/; max-age=31536000; samesite=lax`;
  document.documentElement.dataset.theme = chosen;
  for (const button of event.target.querySelectorAll("[data-theme]")) {
    button.setAttribute("aria-pressed", String(button === event.submitter));
  }
  document.dispatchEvent(new Event("theme"));
});

window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
