// What HTML and htmx cannot say: local times, a running clock, following the end of a log.
"use strict";
(() => {
  const formats = {  // made once: each costs more than all of its uses
    entry: new Intl.DateTimeFormat([], { timeStyle: "medium" }),
    other: new Intl.DateTimeFormat([], { dateStyle: "short", timeStyle: "short" }),
  };
  const localise = (root) => {
    for (const time of root.querySelectorAll("time:not([title])")) {
      const at = new Date(time.dateTime);
      time.title = time.textContent;
      time.textContent = (time.closest(".entry") ? formats.entry : formats.other).format(at);
    }
  };
  const clock = (seconds) => {
    const two = (n) => String(n).padStart(2, "0");
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60), Math.floor(seconds) % 60];
    return h ? `${h}:${two(m % 60)}:${two(s)}` : `${m}:${two(s)}`;
  };
  localise(document);
  setInterval(() => {
    for (const span of document.querySelectorAll("[data-since]")) {
      span.textContent = clock(Math.max(0, Date.now() / 1000 - Number(span.dataset.since)));
    }
  }, 1000);

  const follow = document.getElementById("follow");
  document.addEventListener("htmx:afterSettle", (event) => {
    localise(document);
    if (follow && follow.checked && event.target.id === "log") {
      event.target.lastElementChild.scrollIntoView({ block: "end" });
    }
  });
  // A stream that was opened anew begins where the page was loaded: what is here already is dropped.
  const run = document.querySelector("[data-last]");
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const id = Number(event.detail.lastEventId);
    if (event.detail.type !== "update") return;
    if (id < Number(run.dataset.last)) event.preventDefault();
    else run.dataset.last = String(id);
  });
  // The buttons of a run that has ended are others.
  document.addEventListener("htmx:sseClose", (event) => {
    if (event.detail.type === "message") document.body.dataset.ended = "";
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.matches("form[data-clear]") && event.detail.successful) event.target.reset();
  });
  document.addEventListener("keydown", (event) => {
    const field = document.querySelector("[data-focus]");
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "/" && field && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      field.focus();
    }
  });
})();
