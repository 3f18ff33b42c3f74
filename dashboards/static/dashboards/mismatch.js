// The keys of a cause, and copying. Each key presses a button or link that is on the page anyway.
"use strict";

document.addEventListener(
  "keydown",
  (event) => {
    // `afterG` is of keys.js: a letter after `g` leads to a page, and must not settle anything.
    if (afterG || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const button = [...document.querySelectorAll("[data-press]")].find((each) => each.dataset.press === event.key);
    if (!button) return;
    event.preventDefault();
    button.click();
  },
  true,
);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = button.dataset.copied;
  } catch {
    // Without the right to write there, the text is selected: one key copies it.
    getSelection().selectAllChildren(source);
    button.textContent = button.dataset.selected;
  }
});
