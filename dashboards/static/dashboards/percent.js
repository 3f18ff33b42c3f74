// The percentage control: steppers, presets and slider all write into the number box, and the box asks the server
// what that would do. Without this script the steppers and presets are links to the same answers.
"use strict";

const parse = (text) => Number(text.replace(",", ".").replace("%", "").trim());

const write = (percent) => String(Math.round(percent * 100) / 100);

/** Small steps where little is answered, larger where much is; the same as the links have without this script. */
function neighbour(percent, direction) {
  if (direction > 0 && percent === 0) return 0.1;
  const at = percent + direction * 1e-9;
  const size = at < 0.1 ? 0.01 : at < 1 ? 0.1 : at < 20 ? 1 : 5;
  return shifted(percent, direction * size);
}

const shifted = (percent, by) => Math.min(100, Math.max(0, Math.round((percent + by) * 100) / 100));

/** A drag stops at whole numbers; the box has the hundredths. */
const dragged = (percent) => (percent < 1 ? Math.round(percent * 10) / 10 : Math.round(percent));

function put(control, percent) {
  const box = control.querySelector("[data-box]");
  const slider = control.querySelector("[data-slider]");
  box.value = write(percent);
  box.removeAttribute("aria-invalid");
  if (slider) slider.value = percent;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const control = event.target.closest("[data-percent]");
  if (!control) return;
  const step = event.target.closest("[data-step]");
  const preset = event.target.closest("[data-preset]");
  if (!step && !preset) return;
  event.preventDefault();
  const now = parse(control.querySelector("[data-box]").value) || 0;
  put(control, preset ? Number(preset.dataset.preset) : neighbour(now, Number(step.dataset.step)));
});

document.addEventListener("input", (event) => {
  const control = event.target.closest("[data-percent]");
  if (!control) return;
  if (event.target.matches("[data-slider]")) put(control, dragged(Number(event.target.value)));
});

const ARROWS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 };

/** Arrows step in the box, up and down only, and on the slider; with Shift by the hundredth. */
function onArrow(event) {
  const isBox = event.target.matches("[data-box]") && /Up|Down/.test(event.key);
  if (!(event.key in ARROWS) || !(isBox || event.target.matches("[data-slider]"))) return;
  event.preventDefault();
  const control = event.target.closest("[data-percent]");
  const now = parse(control.querySelector("[data-box]").value) || 0;
  const direction = ARROWS[event.key];
  put(control, event.shiftKey ? shifted(now, direction * 0.01) : neighbour(now, direction));
}

/** Presses the button that names the act, once it names what stands in the box: never a share that is not shown yet. */
function act() {
  const form = document.querySelector("form[data-act]");
  const button = form?.querySelector("button.primary:not([disabled]), button[name=override]");
  const box = document.querySelector("[data-box]");
  if (!button || (box && parse(box.value) !== parse(form.querySelector("[data-staged]").value))) return;
  form.requestSubmit(button);
}

/** `p` leads past the head of the page: to the box, or to the first control where no share can be chosen. */
function toControls() {
  const panel = document.querySelector("[data-traffic]");
  const goal = panel?.querySelector("[data-box]") ?? panel?.querySelector("a[href], button, summary");
  goal?.focus();
  goal?.select?.();
}

document.addEventListener(
  "keydown",
  (event) => {
    // `afterG` is of keys.js: a letter after `g` leads to a page.
    if (event.key !== "p" || afterG || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    toControls();
  },
  true,
);

document.addEventListener("keydown", (event) => {
  onArrow(event);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    act();
  }
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-act]") && !event.defaultPrevented) event.submitter?.setAttribute("aria-busy", "true");
});
