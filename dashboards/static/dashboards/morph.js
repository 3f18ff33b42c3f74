// A swap for htmx that changes what differs and leaves the rest: focus, scroll, open sheets and typed text stay.
// Elements are matched by id, else by data-key, else by place. `data-keep` marks what a script of ours owns,
// `data-stay` what was said once and must not vanish before it is read.
"use strict";

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || null : null);

const stays = (node) => node.dataset?.stay !== undefined;

const alike = (one, other) =>
  !stays(one) &&
  one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

/** What the reader opened stays open, and what was typed stays typed. */
const READERS = { DETAILS: ["open"], DIALOG: ["open"] };

function syncAttributes(from, to) {
  const kept = READERS[from.nodeName] || [];
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !kept.includes(name)) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) !== value && !kept.includes(name)) from.setAttribute(name, value);
  }
}

function syncInput(from, to) {
  const told = from.getAttribute("value") !== to.getAttribute("value");
  const ticked = from.hasAttribute("checked") !== to.hasAttribute("checked");
  syncAttributes(from, to);
  if (told && from !== document.activeElement) from.value = to.getAttribute("value") ?? "";
  if (ticked) from.checked = to.hasAttribute("checked");
}

function syncSelect(from, to) {
  const told = (select) => select.querySelector("option[selected]")?.value ?? "";
  const changed = told(from) !== told(to);
  syncAttributes(from, to);
  morphChildren(from, to);
  if (changed && from !== document.activeElement) from.value = to.value;
}

function morph(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
  } else if (from.hasAttribute("data-keep") || from.isEqualNode(to)) {
    return;
  } else if (from.nodeName === "INPUT") {
    syncInput(from, to);
  } else if (from.nodeName === "SELECT") {
    syncSelect(from, to);
  } else if (from.nodeName === "TEXTAREA") {
    syncAttributes(from, to);
  } else {
    syncAttributes(from, to);
    morphChildren(from, to);
  }
}

function morphChildren(from, to) {
  let here = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    let found = here;
    while (found && !alike(found, wanted)) found = found.nextSibling;
    if (!found) {
      from.insertBefore(document.importNode(wanted, true), here);
      continue;
    }
    while (here !== found) {
      const passed = here;
      here = here.nextSibling;
      if (!stays(passed)) passed.remove();
    }
    here = found.nextSibling;
    morph(found, wanted);
  }
  while (here) {
    const spare = here;
    here = here.nextSibling;
    if (!stays(spare)) spare.remove();
  }
}

htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap(style, target, fragment) {
    if (style !== "morph") return false;
    const fresh = fragment.firstElementChild;
    if (!fresh) return false;
    morph(target, fresh);
    return [target];
  },
});
