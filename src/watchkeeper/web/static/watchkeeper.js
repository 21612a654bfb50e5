// What makes the pages live and quick to move through. Without it every page and every act is there as well.
"use strict";

(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const body = document.body;

  // -- moments ---------------------------------------------------------------------------------------------------

  let ahead = Number(body.dataset.now) - Date.now(); // of the server's clock
  const now = () => Date.now() + ahead;

  function lasted(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 90) return `${s} s`;
    if (s < 5400) return `${Math.floor(s / 60)} min`;
    if (s < 172800) return `${Math.floor(s / 3600)} h`;
    return `${Math.floor(s / 86400)} d`;
  }

  function tellTimes() {
    for (const each of $$("time[data-at]")) {
      const past = now() - Number(each.dataset.at);
      const words = past < -1000 ? `in ${lasted(-past)}` : past < 1000 ? "now" : `${lasted(past)} ago`;
      if (each.textContent !== words) each.textContent = words;
    }
  }

  // -- the badge: says what is known, never more ------------------------------------------------------------------

  const QUIET_MS = 12000;
  const badge = $("#live"), badgeWords = $("#live-words"), pause = $("#pause");
  const openedAt = Date.now();
  let heardAt = 0, staleWhy = "", absences = (badge.dataset.absent || "").split("; ").filter(Boolean);
  let isPaused = false, held = [];

  function tellBadge() {
    const silent = Date.now() - (heardAt || openedAt);
    if (!heardAt && silent <= QUIET_MS) return; // what the page said when it was made stands
    let state = "live", words = `live · ${lasted(silent)} ago`;
    if (silent > QUIET_MS) [state, words] = ["stale", `stale: nothing heard for ${lasted(silent)}`];
    else if (staleWhy) [state, words] = ["stale", `stale: ${staleWhy}`];
    else if (absences.length) {
      const more = absences.length > 1 ? ` and ${absences.length - 1} more` : "";
      [state, words] = ["stale", `stale: ${absences[0]}${more}`];
    }
    if (isPaused) [state, words] = ["paused", `paused${held.length ? `, ${held.length} waiting` : ""} · ${words}`];
    badge.dataset.state = state;
    badge.title = absences.join("; ");
    if (badgeWords.textContent !== words) badgeWords.textContent = words;
  }

  // -- live rows -------------------------------------------------------------------------------------------------

  const deferred = new Map(); // region -> what to do when nobody is in it

  function made(html) {
    const template = document.createElement("template");
    template.innerHTML = html; // our own server's, escaped there
    return template.content.firstElementChild;
  }

  function isBusy(region) {
    return region.matches(":hover") || region.contains(document.activeElement);
  }

  function replace(old, html) {
    const fresh = made(html);
    if (!fresh || fresh.outerHTML === old.outerHTML) return;
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    if (focused && focused.matches("input, select, textarea") && focused.value) return; // somebody writes in it
    const at = focused ? [old, ...$$("*", old)].indexOf(focused) : -1;
    const open = $$("details", old).map((each) => each.open);
    if (old.classList.contains("here")) fresh.classList.add("here");
    if (old.classList.contains("chosen")) fresh.classList.add("chosen");
    old.replaceWith(fresh);
    $$("details", fresh).forEach((each, n) => { if (n < open.length) each.open = open[n]; });
    if (at >= 0) ([fresh, ...$$("*", fresh)][at] || fresh).focus({ preventScroll: true });
    fresh.classList.add("fresh");
  }

  function insert(region, row) {
    if (document.getElementById(row.id)) return;
    const fresh = made(row.html);
    if (!fresh) return;
    const before = row.after && document.getElementById(row.after);
    if (before && before.parentElement === region) before.after(fresh);
    else region.prepend(fresh);
    fresh.classList.add("fresh");
    const most = Number(region.dataset.most || 0);
    while (most && region.children.length > most) region.lastElementChild.remove();
  }

  function whenFree(region, act) {
    if (!isBusy(region)) return act();
    if (!deferred.has(region)) deferred.set(region, []);
    deferred.get(region).push(act);
    region.dataset.waiting = String(deferred.get(region).length);
  }

  function flush() {
    for (const [region, acts] of deferred) {
      if (region.isConnected && isBusy(region)) continue;
      deferred.delete(region);
      delete region.dataset.waiting;
      acts.forEach((act) => act());
    }
  }

  function apply(patch) {
    for (const id of patch.gone) {
      const old = document.getElementById(id);
      if (!old) continue;
      const region = old.closest("[data-region]");
      old.classList.add("over");
      if (region) whenFree(region, () => document.getElementById(id)?.classList.contains("over") && document.getElementById(id).remove());
    }
    for (const row of patch.rows) {
      const old = document.getElementById(row.id);
      if (old) replace(old, row.html);
      else if (row.region) {
        const region = $(`[data-region="${CSS.escape(row.region)}"]`);
        if (region) whenFree(region, () => insert(region, row));
      }
    }
    tellTimes();
  }

  const stream = $("#stream");
  if (stream) {
    stream.addEventListener("patch", (event) => {
      heardAt = Date.now();
      const patch = JSON.parse(event.detail.data);
      body.dataset.seq = event.detail.id;
      if (isPaused) held.push(patch);
      else apply(patch);
      tellBadge();
    });
    stream.addEventListener("pulse", (event) => {
      heardAt = Date.now();
      const pulse = JSON.parse(event.detail.data);
      ahead = pulse.at - Date.now();
      staleWhy = pulse.stale;
      absences = pulse.absences;
      tellBadge();
    });
    pause.hidden = false;
    pause.addEventListener("click", () => {
      isPaused = !isPaused;
      pause.setAttribute("aria-pressed", String(isPaused));
      pause.textContent = isPaused ? "Go on" : "Pause";
      if (!isPaused) held.splice(0).forEach(apply);
      tellBadge();
    });
    document.addEventListener("pointerout", () => setTimeout(flush, 0));
    document.addEventListener("focusout", () => setTimeout(flush, 0));
  }
  setInterval(() => { tellTimes(); tellBadge(); flush(); }, 1000);
  tellTimes();

  // -- copying ids and commands ----------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const copied = event.target.closest("[data-copy]");
    if (!copied || !navigator.clipboard) return;
    navigator.clipboard.writeText(copied.textContent.trim()).then(() => {
      copied.classList.add("copied");
      setTimeout(() => copied.classList.remove("copied"), 1200);
    }, () => {});
  });
  for (const each of $$("[data-submit]")) each.addEventListener("change", () => each.form.requestSubmit());

  // -- keys ------------------------------------------------------------------------------------------------------

  const rows = () => $$("[data-row]").filter((each) => each.offsetParent !== null);
  const here = () => $("[data-row].here");

  function go(row) {
    here()?.classList.remove("here");
    if (!row) return tellKeys();
    row.classList.add("here");
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    tellKeys();
  }

  function form(key, row) {
    const scope = row || $("main");
    return $(`form[data-key="${key}"]`, scope);
  }

  function tellKeys() {
    const row = here();
    for (const each of $$("#keys [data-needs]")) {
      const key = each.dataset.needs;
      let why = "";
      if (key === "open" ? !row?.dataset.href : key === "x" ? !row : !form(key, row)) why = row ? "not for this row" : "no row is chosen: j or k";
      each.classList.toggle("not", Boolean(why));
      each.title = why;
      const words = $("[data-words]", each);
      if (words) words.textContent = said(form(key, row)) || words.dataset.words;
    }
  }

  function said(act) { // what a key does to this row, in the words of its button, where these are few
    const label = act ? $("button", act).firstChild.textContent.trim().toLowerCase() : "";
    return label.length < 16 ? label : label.split(" ")[0];
  }

  async function actOn(key) {
    const chosen = $$("[data-row].chosen").map((row) => form(key, row)).filter(Boolean);
    if (!chosen.length) {
      const found = form(key, here());
      if (found) found.requestSubmit();
      return;
    }
    const last = chosen.pop();
    for (const each of chosen) await fetch(each.action, { method: "POST", body: new URLSearchParams(new FormData(each)), redirect: "manual" });
    last.requestSubmit();
  }

  let isGoing = false;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      return openPalette();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, dialog")) {
      if (event.key === "Escape" && !event.target.closest("dialog")) event.target.blur();
      return;
    }
    if (isGoing) {
      isGoing = false;
      const link = $(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); location.href = link.href; }
      return;
    }
    const all = rows(), at = all.indexOf(here());
    switch (event.key) {
      case "j": go(all[Math.min(at + 1, all.length - 1)]); break;
      case "k": go(all[Math.max(at - 1, 0)]); break;
      case "Enter": {
        if (event.target.closest("a, button, summary")) return;
        const href = here()?.dataset.href;
        if (!href) return;
        location.href = href;
        break;
      }
      case "Escape": if (here()) go(null); else history.back(); break;
      case "/": { const filter = $("[data-filter]"); if (!filter) return; filter.focus(); filter.select(); break; }
      case "?": $("#help").showModal(); break;
      case "g": isGoing = true; setTimeout(() => { isGoing = false; }, 1500); break;
      case "x": here()?.classList.toggle("chosen"); break;
      case "a": case "s": case "h": case "r": actOn(event.key); break;
      default: return;
    }
    event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && row !== here()) { here()?.classList.remove("here"); row.classList.add("here"); tellKeys(); }
  });

  // -- the palette -----------------------------------------------------------------------------------------------

  const palette = $("#palette"), input = $("#palette-input"), list = $("#palette-list");
  const KINDS = [[/^c-[0-9a-f]+$/, "conflicts"], [/^i-[0-9a-f]+$/, "incidents"], [/^e-[0-9a-f]+$/, "engagements"], [/^[0-9a-f]{40}$/, "changes"], [/^.+\/\d+$/, "queue"]];
  let found = [], marked = 0;

  function places() {
    const links = $$("nav.places a[data-go]").map((each) => [each.textContent.trim(), each.getAttribute("href")]);
    const seen = $$("main [data-row][data-href]").map((each) => [$(".what", each)?.textContent.trim() || "", each.dataset.href]);
    return [...links, ...seen];
  }

  function tellPalette() {
    const words = input.value.trim().toLowerCase();
    found = places().filter(([name, href]) => `${name} ${href}`.toLowerCase().includes(words)).slice(0, 12);
    const kind = KINDS.find(([shape]) => shape.test(words));
    if (kind) found.unshift([`${kind[1]}: ${words}`, `/${kind[1]}/${encodeURIComponent(words)}`]);
    marked = Math.min(marked, Math.max(0, found.length - 1));
    list.replaceChildren(...found.map(([name, href], n) => {
      const item = document.createElement("li");
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(n === marked));
      item.textContent = name;
      item.addEventListener("click", () => { location.href = href; });
      return item;
    }));
  }

  function openPalette() {
    if (palette.open) return palette.close();
    input.value = "";
    marked = 0;
    tellPalette();
    palette.showModal();
    input.focus();
  }

  input.addEventListener("input", () => { marked = 0; tellPalette(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") marked = Math.min(marked + 1, found.length - 1);
    else if (event.key === "ArrowUp") marked = Math.max(marked - 1, 0);
    else if (event.key === "Enter") { event.preventDefault(); if (found[marked]) location.href = found[marked][1]; return; }
    else return;
    event.preventDefault();
    tellPalette();
  });
  $("#open-palette").hidden = false;
  $("#open-palette").addEventListener("click", openPalette);
  body.classList.add("keyed");
  tellKeys();
})();
