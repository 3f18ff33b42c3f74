// A rollback over a bad line. It is sent in the background, so that a failure is told here in words, beside a button
// that may be pressed again: twice is one rollback. Nothing is claimed that the server did not answer.
"use strict";

const PATIENCE_MS = 15_000;

/** What is told stands in the page, in the reader's language: which of it, and the number that it names. */
function tell(form, which, number = "") {
  const place = form.querySelector("[data-told]");
  place.textContent = place.dataset[which].replace("{number}", number);
}

/** The button says that it is under way; a reader of screens hears it. */
function underWay(form, yes) {
  const button = form.querySelector("button");
  button.setAttribute("aria-busy", String(yes));
  if (yes) tell(form, "sending");
  else delete form.dataset.sent;
}

function reasonOf(error) {
  if (!navigator.onLine) return ["offline"];
  if (error.name === "TimeoutError") return ["late", PATIENCE_MS / 1000];
  if (error.status) return ["failed", error.status];
  return ["lost"];
}

async function send(form) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new FormData(form),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (answer.status >= 500) throw Object.assign(new Error("failed"), { status: answer.status });
  return { address: answer.url, text: await answer.text() };
}

/** What came back is the page that proves it, or says why not: it takes this one's place without being asked for again. */
function show({ address, text }) {
  // Its style is in force already, and would count as one that this page's policy does not know.
  const fresh = new DOMParser().parseFromString(text.replace(/<style[\s\S]*?<\/style>/, ""), "text/html");
  const heading = fresh.querySelector("#page h1");
  if (!heading) return location.assign(address);
  // What was asked for before would come back as the page that no longer is.
  if (window.htmx) htmx.trigger("#page", "htmx:abort");
  history.pushState(null, "", address);
  document.title = fresh.title;
  document.body.replaceWith(fresh.body);
  if (window.htmx) htmx.process(document.body);
  scrollTo(0, 0);
  heading.setAttribute("tabindex", "-1");
  heading.focus({ preventScroll: true });
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-sent-safely]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  underWay(form, true);
  try {
    show(await send(form));
  } catch (error) {
    underWay(form, false);
    tell(form, ...reasonOf(error));
  }
});

// Where this script put another page in place of the first, going back means asking for the first again.
window.addEventListener("popstate", () => location.reload());
