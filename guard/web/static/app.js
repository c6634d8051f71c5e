// The upload form with scripts: dropping, progress, announcements. Without them it is a plain form.
"use strict";
(() => {
  const form = document.getElementById("upload");
  const input = document.getElementById("file");
  const drop = document.getElementById("drop");
  const chosen = document.getElementById("chosen");
  const progress = document.getElementById("progress");
  const bar = progress.querySelector("progress");
  const status = document.getElementById("status");
  const outcome = document.getElementById("outcome");
  const texts = form.dataset;
  document.documentElement.classList.add("scripted");

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const size = (bytes) => {
    const step = Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
    const digits = { minimumFractionDigits: step ? 1 : 0, maximumFractionDigits: step ? 1 : 0 };
    const number = new Intl.NumberFormat(texts.language, digits).format(bytes / 1000 ** step);
    return `${number}\u00a0${["B", "kB", "MB", "GB"][step]}`;
  };

  function showChoice() {
    const file = input.files[0];
    chosen.textContent = file ? fill(texts.chosen, { name: file.name, size: size(file.size) }) : "";
    const large = file && file.size > Number(texts.mostBytes);
    input.setCustomValidity(large ? texts.tooLarge : "");
    say(large ? texts.tooLarge : "", large);
  }

  function say(text, failed = false) {
    status.textContent = text;
    status.classList.toggle("failed", Boolean(failed));
  }

  function idle() {
    progress.hidden = true;
    form.removeAttribute("aria-busy");
  }

  input.addEventListener("change", showChoice);
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length > 0) {
      input.files = event.dataTransfer.files;
      showChoice();
    }
  });
  // A file dropped beside the field would otherwise replace the page.
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => event.preventDefault());
  }

  form.addEventListener("htmx:beforeRequest", () => {
    outcome.replaceChildren();
    bar.value = 0;
    progress.hidden = false;
    form.setAttribute("aria-busy", "true");
    say(fill(texts.uploading, { percent: 0 }));
  });
  form.addEventListener("htmx:xhr:progress", (event) => {
    const { lengthComputable, loaded, total } = event.detail;
    if (!lengthComputable || total === 0 || progress.hidden) return;
    if (loaded < total) {
      bar.value = (100 * loaded) / total;
      // Announced in steps, so that a screen reader keeps up.
      say(fill(texts.uploading, { percent: Math.floor((10 * loaded) / total) * 10 }));
    } else if (bar.hasAttribute("value")) {
      bar.removeAttribute("value");
      say(texts.examining);
    }
  });
  form.addEventListener("htmx:sendError", () => {
    idle();
    say(texts.unreachable, true);
  });
  outcome.addEventListener("htmx:beforeSwap", (event) => {
    const type = event.detail.xhr.getResponseHeader("content-type") ?? "";
    if (!type.startsWith("text/html")) {
      event.detail.shouldSwap = false;
      idle();
      say(texts.unreachable, true);
    }
  });
  outcome.addEventListener("htmx:afterSwap", () => {
    idle();
    const found = outcome.querySelector("[data-outcome]");
    if (found === null) return;
    const refused = found.dataset.outcome === "problem";
    say(refused ? "" : texts.finished);
    const heading = document.getElementById("outcome-heading");
    heading.focus({ preventScroll: true });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    found.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  });
})();
