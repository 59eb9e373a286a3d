// The page of samesku serve. Whatever comes from a seller is put in as text, never as markup.
"use strict";
(() => {
  const token = document.querySelector('meta[name="samesku-token"]').content;
  const $ = (selector, within = document) => within.querySelector(selector);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") element.className = value;
      else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const percent = (value) => `${Math.max(0, Math.min(1, value)) * 100}%`;
  const four = (value) => value.toFixed(4);

  // ---- asking ----
  async function ask(url, body) {
    let response;
    try {
      response = await fetch(url, { method: body === undefined ? "GET" : "POST", body, headers: { "x-samesku-token": token } });
    } catch {
      throw new Error("The server does not answer; is samesku serve still running?");
    }
    const found = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(found.error || `The server answered with status ${response.status}.`);
    return found;
  }
  const fault = (error) => make("p", { class: "fault", role: "alert" }, error.message);

  // ---- a listing that is given ----
  class Given {
    constructor(place) {
      this.place = place;
      this.file = null;
      place.append($("#given").content.cloneNode(true));
      this.drop = $(".drop", place);
      this.image = $("img", place);
      this.words = $("textarea", place);
      const input = $("input", place);
      input.addEventListener("change", () => { if (input.files.length) this.take(input.files[0]); input.value = ""; });
      $(".remove", place).addEventListener("click", () => this.take(null));
      this.drop.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); input.click(); } });
      for (const name of ["dragenter", "dragover"]) place.addEventListener(name, (event) => { event.preventDefault(); this.drop.classList.add("over"); });
      for (const name of ["dragleave", "drop"]) place.addEventListener(name, (event) => { event.preventDefault(); this.drop.classList.remove("over"); });
      place.addEventListener("drop", (event) => {
        if (event.dataTransfer.files.length) this.take(event.dataTransfer.files[0]);
        else if (event.dataTransfer.getData("text")) this.words.value = event.dataTransfer.getData("text");
      });
      place.addEventListener("paste", (event) => { if (event.clipboardData.files.length) { event.preventDefault(); this.take(event.clipboardData.files[0]); } });
      this.words.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); place.closest("form").requestSubmit(); } });
    }
    take(file) {
      if (this.image.src) URL.revokeObjectURL(this.image.src);
      this.file = file;
      if (file) this.image.src = URL.createObjectURL(file);
      else this.image.removeAttribute("src");
      this.image.hidden = !file;
      $(".blank", this.place).hidden = Boolean(file);
      $(".remove", this.place).hidden = !file;
      this.drop.classList.toggle("full", Boolean(file));
    }
    clear() { this.take(null); this.words.value = ""; }
    get empty() { return !this.file && !this.words.value.trim(); }
    into(form) {
      const number = this.place.dataset.number;
      form.append(`title${number}`, this.words.value);
      if (this.file) form.append(`image${number}`, this.file);
    }
  }

  function form(section, url, lacking, show) {
    const element = $("form", section);
    const given = [...element.querySelectorAll(".given")].map((place) => new Given(place));
    const answer = $(".answer", section);
    element.addEventListener("reset", () => { given.forEach((one) => one.clear()); answer.replaceChildren(); });
    element.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (given.some((one) => one.empty)) { answer.replaceChildren(fault(new Error(lacking))); return; }
      const body = new FormData();
      given.forEach((one) => one.into(body));
      const button = $(".act", element);
      button.disabled = true;
      answer.classList.add("busy");
      try {
        const found = await ask(url, body);
        answer.replaceChildren(...show(found, given));
        answer.firstElementChild?.scrollIntoView({ block: "nearest", behavior: "smooth" });
      } catch (error) {
        answer.replaceChildren(fault(error));
      } finally {
        button.disabled = false;
        answer.classList.remove("busy");
      }
    });
  }

  // ---- evidence ----
  function marked(title, places) {
    // Places count characters as Python does: whole code points.
    const letters = [...title];
    const parts = [];
    let last = 0;
    for (const [start, stop] of [...places].sort((a, b) => a[0] - b[0])) {
      if (start < last) continue;
      parts.push(letters.slice(last, start).join(""), make("mark", {}, letters.slice(start, stop).join("")));
      last = stop;
    }
    parts.push(letters.slice(last).join(""));
    return parts;
  }
  const written = (title, places) => places.map(([start, stop]) => [...title].slice(start, stop).join("")).join(", ");

  function channels(found) {
    const box = make("div", { class: "channels" });
    Object.entries(found).forEach(([name, { similarity, weight }], at) => {
      box.append(make("span", {}, name));
      if (similarity === null) { box.append(make("span", { class: "none" }, "not in both")); return; }
      const fill = make("i");
      fill.style.width = percent(similarity);
      fill.style.setProperty("--tone", `var(--channel-${at % 8})`);
      box.append(make("span", { class: "track" }, fill), make("span", {}, similarity.toFixed(3)), make("span", { class: "weight" }, `× ${weight.toFixed(2)}`));
    });
    return box;
  }
  function scale(score, threshold) {
    const bar = make("i");
    bar.style.width = percent(score);
    const box = make("div", { class: "scale", "aria-hidden": "true" }, bar);
    if (threshold !== null) {
      const tick = make("b");
      const label = make("span", {}, `threshold ${four(threshold)}`);
      tick.style.left = label.style.left = percent(threshold);
      box.append(tick, label);
    }
    return box;
  }
  function against(conflicts, left, right) {
    if (!conflicts.length) return null;
    const box = make("div", { class: "against" }, make("span", {}, "They contradict each other:"));
    for (const one of conflicts) box.append(make("span", { class: "chip" }, `${written(left, one.left)} ↔ ${written(right, one.right)}`));
    return box;
  }
  const all = (conflicts, side) => conflicts.flatMap((one) => one[side]);
  function picture(source, alt) {
    return make("span", { class: "picture" }, source ? make("img", { src: source, alt }) : make("span", { class: "blank" }, "no picture"));
  }
  function side(source, title, places, id) {
    return make("div", { class: "side" }, picture(source, title || id),
      make("p", { class: "title" }, ...(title ? marked(title, places) : [make("span", { class: "blank" }, "no title")])),
      id ? make("p", { class: "id" }, id) : null);
  }

  form($("#compare"), "/api/match", "Give each of the two listings a picture or a title.", (found, given) => {
    const [left, right] = found.titles;
    const tone = found.same ? "good" : "bad";
    const head = found.score === null
      ? make("div", { class: "says" }, make("strong", {}, "Nothing to compare"), make("span", {}, "one has a picture alone, the other a title alone"))
      : make("div", { class: "says" }, make("strong", {}, found.same ? "Same product" : "Not the same product"),
        make("span", { class: "score" }, `score ${four(found.score)} ${found.same ? "≥" : "<"} ${four(found.threshold)}`));
    return [make("div", { class: `box ${tone}` }, head,
      found.score === null ? null : scale(found.score, found.threshold),
      against(found.conflicts, left, right),
      channels(found.channels),
      make("div", { class: "sides" }, ...[left, right].map((title, at) =>
        side(given[at].image.getAttribute("src"), title, all(found.conflicts, at ? "right" : "left"), ""))))];
  });

  form($("#search"), "/api/search", "Give a picture, a title, or both.", (found) => {
    if (!found.results.length) return [make("p", { class: "note" }, "No listing can be compared with this one.")];
    const matches = found.results.filter((one) => one.match).length;
    const cards = found.results.map((one) => {
      const bars = make("div", { class: "bars", "aria-hidden": "true" });
      Object.entries(one.channels).forEach(([name, { similarity }], at) => {
        const bar = make("i", { title: `${name} ${similarity === null ? "not in both" : similarity.toFixed(3)}` });
        bar.style.width = percent(similarity ?? 0);
        bar.style.background = `var(--channel-${at % 8})`;
        bars.append(bar);
      });
      const told = Object.entries(one.channels).map(([name, { similarity }]) => `${name} ${similarity === null ? "–" : similarity.toFixed(3)}`).join("\n");
      return make("article", { class: `card ${one.match ? "good" : "plain"}`, title: told },
        make("div", { class: "verdict" }, make("b", {}, one.match ? "match" : "below"), make("span", { class: "score" }, four(one.score))),
        picture(one.row === null ? null : `/picture/${one.row}`, one.title || one.posting_id),
        make("p", { class: "title", title: one.title }, ...marked(one.title || "no title", all(one.conflicts, "right"))),
        make("p", { class: "id" }, one.posting_id), bars);
    });
    const legend = make("div", { class: "facts" }, ...Object.keys(found.results[0].channels).map((name, at) => {
      const dot = make("i");
      dot.style.background = `var(--channel-${at % 8})`;
      return make("span", { class: "key" }, dot, name);
    }));
    const said = `${matches || "No"} ${matches === 1 ? "match" : "matches"}${found.threshold === null ? "" : `: score ≥ ${four(found.threshold)}`}; the ${found.results.length} nearest listings`;
    return [make("div", { class: "found answer" }, make("p", { class: "says" }, said), legend, make("div", { class: "cards" }, ...cards))];
  });

  // ---- review ----
  const review = $("#review");
  let shown = null;
  let waiting = false;
  const history = [];
  function show(found) {
    shown = found;
    const answer = $(".answer", review);
    $(".progress", review).textContent = found.total ? `${found.done.toLocaleString("en")} of ${found.total.toLocaleString("en")} pairs` : "";
    $(".meter i", review).style.width = percent(found.total ? found.done / found.total : 0);
    $(".verdicts", review).hidden = found.at === null && !history.length;
    for (const button of review.querySelectorAll("[data-verdict]")) button.disabled = found.at === null;
    $("#back").disabled = !history.length;
    if (found.at === null) {
      answer.replaceChildren(make("p", { class: "box" }, found.total ? "Every pair of the queue has a verdict." : "There is no pair to review: the pipeline's rerank found none, or has not run."));
      return;
    }
    const [left, right] = found.listings;
    const source = (one) => (one.row === null ? null : `/picture/${one.row}`);
    const verdict = found.verdict ? make("span", { class: `tag ${{ same: "good", different: "bad" }[found.verdict] || ""}` }, `you said: ${found.verdict}`) : null;
    answer.replaceChildren(make("div", { class: "box" },
      make("div", { class: "sides" }, side(source(left), left.title, all(found.conflicts, "left"), left.posting_id), side(source(right), right.title, all(found.conflicts, "right"), right.posting_id)),
      against(found.conflicts, left.title, right.title),
      make("div", { class: "says" }, make("span", { class: "score" }, `probability ${found.probability.toFixed(2)}`), found.score === null ? null : make("span", { class: "score" }, `score ${four(found.score)}`), verdict),
      channels(found.channels)));
  }
  async function turn(url, body) {
    if (waiting) return false;
    waiting = true;
    try { show(await ask(url, body)); return true; }
    catch (error) { $(".answer", review).prepend(fault(error)); return false; }
    finally { waiting = false; }
  }
  async function decide(verdict) {
    if (!shown || shown.at === null || waiting) return;
    const at = shown.at;
    history.push(at);
    if (!await turn("/api/review", JSON.stringify({ at, verdict }))) history.pop();
  }
  async function back() {
    if (!history.length || waiting) return;
    const at = history.pop();
    if (!await turn(`/api/review?at=${at}`)) history.push(at);
  }
  for (const button of review.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => { decide(button.dataset.verdict); button.blur(); });
  $("#back").addEventListener("click", back);
  document.addEventListener("keydown", (event) => {
    if (review.hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const verdict = { s: "same", d: "different", k: "skip" }[event.key.toLowerCase()];
    if (verdict) { event.preventDefault(); decide(verdict); }
    else if (event.key.toLowerCase() === "b" || event.key === "Backspace") { event.preventDefault(); back(); }
  });

  // ---- which part is shown ----
  function route() {
    const name = ["compare", "search", "review"].find((one) => location.hash === `#${one}`) || "compare";
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
    for (const link of document.querySelectorAll(".top nav a")) {
      if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    scrollTo(0, 0);
    if (name === "review" && !shown) turn("/api/review");
  }
  addEventListener("hashchange", route);
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault()); // a miss opens no file
  route();
})();
