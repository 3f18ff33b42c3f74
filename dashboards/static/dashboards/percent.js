// The percentage control: steppers, presets and slider all write into the number box, and the box asks the server
// what that would do. Without this script the steppers and presets are links to the same answers.
"use strict";

const parse = (text) => Number(text.replace(",", ".").replace("%", "").trim());

const write = (percent) => String(Math.round(percent * 100) / 100);

/** Small steps where little is answered, larger where much is: 0.1 below one, 1 below twenty, 5 above. */
function neighbour(percent, direction) {
  const size = (at) => (at < 1 ? 0.1 : at < 20 ? 1 : 5);
  const by = size(direction > 0 ? percent + 1e-9 : percent - 1e-9);
  return Math.min(100, Math.max(0, Math.round((percent + direction * by) * 100) / 100));
}

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
  if (event.target.matches("[data-slider]")) put(control, Number(event.target.value));
});

document.addEventListener("keydown", (event) => {
  if (event.target.matches("[data-box]") && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    const control = event.target.closest("[data-percent]");
    put(control, neighbour(parse(event.target.value) || 0, event.key === "ArrowUp" ? 1 : -1));
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    document.querySelector("form[data-act]")?.requestSubmit();
  }
});
