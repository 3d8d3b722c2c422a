// Makes three kinds of pages live; every page works without it.
"use strict";

// Copy buttons appear only where copying works.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}

// Takes the parts marked with an id from a fresh copy of a page, so that the server alone draws.
async function refresh(address, ids) {
  const answer = await fetch(address, { headers: { accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok) return null;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ids) {
    const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
    if (old && now && old.innerHTML !== now.innerHTML) old.replaceChildren(...now.childNodes);
  }
  return fresh;
}

// A payment's steps fill as confirmations arrive.
const steps = document.querySelector("[data-follow]");
if (steps) {
  const every = setInterval(async () => {
    const fresh = await refresh(location.href, ["walk", "what-is-owed"]).catch(() => null);
    if (fresh && !fresh.querySelector("[data-follow]")) clearInterval(every);
  }, 1000);
}

// The calculator prices while one types; its address stays a link to what it shows.
const calculator = document.querySelector("form[data-live]");
if (calculator) {
  let wait;
  calculator.addEventListener("input", (event) => {
    if (event.target.type === "file") return;
    clearTimeout(wait);
    wait = setTimeout(async () => {
      const fields = new FormData(calculator);
      const query = new URLSearchParams();
      for (const [name, value] of fields) if (typeof value === "string" && value) query.append(name, value);
      const address = calculator.getAttribute("action") + "?" + query;
      history.replaceState(null, "", address);
      await refresh(address, ["price"]).catch(() => null);
    }, 200);
  });
}

// Usage as it is acknowledged: the events tell when to draw again.
const live = document.querySelector("[data-stream]");
if (live) {
  const box = document.getElementById("live");
  box.hidden = false;
  const toggle = box.querySelector("button");
  const said = box.querySelector("output");
  let source = null, seen = 0, wait = null;
  toggle.addEventListener("click", () => {
    const on = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(on));
    toggle.textContent = on ? "Stop following" : "Follow live";
    if (!on) { source.close(); said.textContent = ""; return; }
    seen = 0;
    said.textContent = "waiting for usage";
    source = new EventSource(live.dataset.stream);
    source.addEventListener("usage", () => {
      seen += 1;
      said.textContent = seen === 1 ? "1 new event" : seen + " new events";
      if (!wait) wait = setTimeout(async () => { wait = null; await refresh(location.href, ["chart", "table"]).catch(() => null); }, 1000);
    });
  });
}

// A bill run tells how far it is.
const run = document.querySelector("[data-run]");
if (run) {
  const every = setInterval(async () => {
    const fresh = await refresh(location.href, ["run"]).catch(() => null);
    if (fresh && !fresh.querySelector("[data-run]")) clearInterval(every);
  }, 1000);
}
