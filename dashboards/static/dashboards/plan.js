// The form of a phase shows what the chosen phase has. Without this script a field that is left empty changes nothing.
"use strict";

/** What somebody typed stays, whatever is chosen afterwards. */
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-fills]")) event.target.dataset.typed = "";
});

document.addEventListener("change", (event) => {
  const choice = event.target.closest("select[data-fills]");
  if (!choice) return;
  const values = JSON.parse(choice.selectedOptions[0].dataset.values);
  for (const [name, value] of Object.entries(values)) {
    const box = choice.form.elements[name];
    if (!("typed" in box.dataset)) box.value = value;
  }
});
