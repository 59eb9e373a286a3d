// The page of samesku serve.
"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const fourDecimals = (value) => (value === null ? "–" : value.toFixed(4));

  const request = (url, body) => server.request(url, body);
  const errorBox = (message) => element("p", { className: "error", role: "alert" }, message);

  // ---- the input of one listing: a picture and a title ----
  class ListingInput {
    constructor(place) {
      this.place = place;
      this.file = null;
      place.append($("#listing-input").content.cloneNode(true));
      if (place.dataset.shop !== undefined) place.append($("#shop-input").content.cloneNode(true));
      this.pictureInput = $(".picture-input", place);
      this.image = $("img", place);
      this.title = $("textarea", place);
      this.source = $(".shop", place);
      const input = $("input[type=file]", place);
      this.image.addEventListener("error", () => this.refuse());
      input.addEventListener("change", () => { if (input.files.length) this.setPicture(input.files[0]); input.value = ""; });
      $(".remove", place).addEventListener("click", () => this.setPicture(null));
      this.pictureInput.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); input.click(); } });
      for (const name of ["dragenter", "dragover"]) place.addEventListener(name, (event) => { event.preventDefault(); this.pictureInput.classList.add("dragged-over"); });
      for (const name of ["dragleave", "drop"]) place.addEventListener(name, (event) => { event.preventDefault(); this.pictureInput.classList.remove("dragged-over"); });
      place.addEventListener("drop", (event) => {
        if (event.dataTransfer.files.length) this.setPicture(event.dataTransfer.files[0]);
        else if (event.dataTransfer.getData("text")) this.title.value = event.dataTransfer.getData("text");
      });
      place.addEventListener("paste", (event) => { if (event.clipboardData.files.length) { event.preventDefault(); this.setPicture(event.clipboardData.files[0]); } });
      this.title.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); place.closest("form").requestSubmit(); } });
    }
    setPicture(file) {
      if (this.image.src) URL.revokeObjectURL(this.image.src);
      this.file = file;
      this.showError("");
      if (file) this.image.src = URL.createObjectURL(file);
      else this.image.removeAttribute("src");
      this.image.hidden = !file;
      $(".no-picture", this.place).hidden = Boolean(file);
      $(".remove", this.place).hidden = !file;
      this.pictureInput.classList.toggle("has-picture", Boolean(file));
    }
    /** A file that is no picture is refused at once. */
    refuse() {
      const name = this.file?.name;
      if (!name) return;
      this.setPicture(null);
      this.showError(`${name} is no picture that can be shown; allowed: JPEG, PNG, WebP, GIF, BMP or AVIF.`);
    }
    showError(message) {
      $(".input-error", this.place).textContent = message;
      $(".input-error", this.place).hidden = !message;
    }
    clear() { this.setPicture(null); this.title.value = ""; if (this.source) this.source.value = ""; }
    get empty() { return !this.file && !this.title.value.trim(); }
    addTo(body) {
      const number = this.place.dataset.number;
      body.append(`title${number}`, this.title.value);
      if (this.source) body.append(`source${number}`, this.source.value);
      if (this.file) body.append(`image${number}`, this.file);
    }
  }

  /** Send a section's form to `url` and show the answer: showAnswer(answer, inputs) gives its elements. */
  function connectForm(section, url, emptyMessage, showAnswer) {
    const form = $("form", section);
    const inputs = [...form.querySelectorAll(".listing-input")].map((place) => new ListingInput(place));
    const place = $(".answer", section);
    form.addEventListener("reset", () => { inputs.forEach((input) => input.clear()); place.replaceChildren(); });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (inputs.some((input) => input.empty)) { place.replaceChildren(errorBox(emptyMessage)); return; }
      const body = new FormData();
      inputs.forEach((input) => input.addTo(body));
      const button = $(".primary", form);
      button.disabled = true;
      place.classList.add("busy");
      try {
        const answer = await request(url, body);
        place.replaceChildren(...showAnswer(answer, inputs).filter(Boolean));
        place.firstElementChild?.scrollIntoView({ block: "nearest" });
      } catch (error) {
        place.replaceChildren(errorBox(error.message));
      } finally {
        button.disabled = false;
        place.classList.remove("busy");
      }
    });
  }

  // ---- evidence ----
  function conflictBox(conflicts, left, right) {
    return conflicts.length
      ? element("div", { className: "conflicts" }, element("span", {}, "The titles contradict each other:"), conflictChips(conflicts, left, right))
      : null;
  }
  function attributeBox(attributes) {
    return attributes.length ? element("div", { className: "conflicts" }, element("span", {}, "Attributes:"), attributeChips(attributes)) : null;
  }
  const pictureAt = (row) => row === null ? null : `/picture/${row}`;
  function picture(source, alt, further = []) {
    return element("span", { className: "picture" },
      source ? element("img", { src: source, alt }) : element("span", { className: "no-picture" }, "no picture"), furtherCount(further.length));
  }
  function listingSide(source, title, places, id, further = []) {
    return element("div", { className: "side" }, picture(source, title || id), furtherPictures(further.map(pictureAt)),
      element("p", { className: "title", dir: "auto" }, title ? markedTitle(title, places) : element("span", { className: "no-picture" }, "no title")),
      id ? element("p", { className: "id" }, id) : null);
  }
  const scoreText = (text) => element("span", { className: "score" }, text);

  // ---- compare ----
  connectForm($("#compare"), "/api/match", "Give each of the two listings a picture or a title.", (answer, inputs) => {
    const [left, right] = answer.titles;
    const comparable = answer.score !== null;
    const summary = comparable
      ? [element("strong", {}, answer.same ? "Same product" : "Not the same product"),
        scoreText(`score ${fourDecimals(answer.score)} ${answer.same ? "≥" : "<"} ${fourDecimals(answer.threshold)}`)]
      : [element("strong", {}, "Nothing to compare"), element("span", {}, "one listing has only a picture, the other only a title")];
    const sides = [left, right].map((title, i) =>
      listingSide(inputs[i].image.getAttribute("src"), title, conflictPlaces(answer.conflicts, i ? "right" : "left"), ""));
    return [element("div", { className: `box ${answer.same ? "good" : "bad"}` },
      element("div", { className: "summary" }, summary),
      conflictBox(answer.conflicts, left, right),
      attributeBox(answer.attributes),
      whyBars(answer),
      element("div", { className: "sides" }, sides))];
  });

  // ---- search ----
  function whyResult(result) {
    const why = element("details", { className: "why-result" }, element("summary", {}, "Why"));
    why.addEventListener("toggle", () => { if (why.open && why.children.length === 1) why.append(whyBars(result)); }); // made when asked for
    return why;
  }
  function resultCard(result) {
    const channels = Object.entries(result.channels);
    const similarityText = ([name, { similarity }]) => `${evidenceLabel(name)} ${similarity === null ? "–" : similarity.toFixed(3)}`;
    const bars = channels.map(([name, { similarity }]) => element("i", { style: { width: barWidth(similarity ?? 0), background: evidenceColour(name) } }));
    return element("article", { className: `card ${result.match ? "good" : "plain"}`, title: channels.map(similarityText).join("\n") },
      element("div", { className: "kind" }, element("b", {}, result.match ? "match" : "no match"), scoreText(fourDecimals(result.score))),
      picture(pictureAt(result.row), result.title || result.posting_id, result.further),
      element("p", { className: "title", title: result.title, dir: "auto" }, result.title ? markedTitle(result.title, conflictPlaces(result.conflicts, "right")) : "no title"),
      element("p", { className: "id" }, result.source ? `${result.source} · ${result.posting_id}` : result.posting_id),
      result.attributes.length ? element("div", { className: "chips" }, attributeChips(result.attributes)) : null,
      element("div", { className: "bars", "aria-hidden": "true" }, bars),
      whyResult(result),
      element("a", { className: "open-product", href: `#products?${new URLSearchParams({ size: "", words: `"${result.posting_id}"` })}` }, "Open its product"));
  }
  connectForm($("#search"), "/api/search", "Give a picture, a title, or both.", (answer) => {
    if (!answer.results.length) return [element("p", { className: "note" }, "No listing can be compared with this one.")];
    const nMatches = answer.results.filter((result) => result.match).length;
    const compared = (name) => answer.results.some((result) => result.channels[name].similarity !== null);
    const legend = legendEntries(Object.keys(answer.results[0].channels).filter(compared));
    const threshold = answer.threshold === null ? "" : ` (score ≥ ${fourDecimals(answer.threshold)})`;
    const summary = `${nMatches || "No"} ${nMatches === 1 ? "match" : "matches"}${threshold} among the ${answer.results.length} nearest listings`;
    return [element("div", { className: "results answer" },
      element("p", { className: "summary" }, summary),
      element("div", { className: "facts" }, legend),
      element("div", { className: "cards" }, answer.results.map((result) => resultCard({ ...result, threshold: answer.threshold }))))];
  });

  // ---- review ----
  const review = $("#pairs");
  let current = null; // the pair that is shown
  let waiting = false;
  const history = [];
  const percent = (share) => `${Math.round(share * 100)}%`;
  const interval = ([low, high]) => `(${percent(low)} to ${percent(high)})`;
  function progressText(pair) {
    const done = pair.done.toLocaleString("en");
    if (!pair.sample) return pair.total ? `${done} of ${pair.total.toLocaleString("en")} pairs` : "";
    const { needed, precision, margin } = pair.sample;
    return needed
      ? `${done} annotated; about ${needed.toLocaleString("en")} more settle the threshold at precision ${precision} to ±${percent(margin)}`
      : `${done} annotated: the threshold at precision ${precision} is settled to ±${percent(margin)}`;
  }
  function estimateText(pair) {
    if (!pair.sample) return "";
    const { estimate, reached, precision } = pair.sample;
    if (!estimate) return "The first estimate comes after a few pairs from low, middle and high scores.";
    const recall = estimate.recall === null ? "" : ` It has ${percent(estimate.recall)} ${interval(estimate.recall_interval)} of the true pairs.`;
    const estimated = `score ≥ ${fourDecimals(estimate.threshold)} has precision ${percent(estimate.precision)} ${interval(estimate.precision_interval)}.${recall}`;
    return reached ? `Threshold so far: ${estimated}` : `No threshold is sure to reach precision ${precision} yet. The closest: ${estimated}`;
  }
  function showPair(pair) {
    current = pair;
    const none = pair.position === null;
    const place = $(".answer", review);
    $(".progress", review).textContent = progressText(pair);
    $(".estimate", review).textContent = estimateText(pair);
    $(".meter i", review).style.width = barWidth(pair.total ? pair.done / pair.total : 0);
    $(".annotation-buttons", review).hidden = none && !history.length;
    for (const button of review.querySelectorAll("[data-annotation]")) button.disabled = none;
    $("#back").disabled = !history.length;
    if (none) {
      place.replaceChildren(element("p", { className: "box" }, pair.total ? "Every pair of the queue has an annotation." : "There is no pair to review: no two listings can be compared."));
      return;
    }
    const [left, right] = pair.listings;
    const side = (listing, name) => listingSide(
      pictureAt(listing.row), listing.title, conflictPlaces(pair.conflicts, name),
      listing.source ? `${listing.source} · ${listing.posting_id}` : listing.posting_id, listing.further);
    const tone = { same: "good", different: "bad" }[pair.annotation] || "";
    place.replaceChildren(element("div", { className: "box" },
      element("div", { className: "sides" }, side(left, "left"), side(right, "right")),
      conflictBox(pair.conflicts, left.title, right.title),
      attributeBox(pair.attributes),
      element("div", { className: "summary" },
        pair.probability === undefined ? null : scoreText(`probability ${pair.probability.toFixed(2)}`),
        pair.score === null ? null : scoreText(`score ${fourDecimals(pair.score)}`),
        pair.annotation ? element("span", { className: `tag ${tone}` }, `your annotation: ${pair.annotation}`) : null),
      whyBars(pair)));
    if (pair.contradiction) place.prepend(errorBox(`Your last answer contradicts others: ${pair.contradiction}. The next run of the pipeline stops there. Go back, or change one of these answers.`));
  }
  async function loadPair(url, body) {
    if (waiting) return false;
    waiting = true;
    try { showPair(await request(url, body)); return true; }
    catch (error) { $(".answer", review).prepend(errorBox(error.message)); return false; }
    finally { waiting = false; }
  }
  async function annotate(annotation) {
    if (!current || current.position === null || waiting) return;
    const position = current.position;
    history.push(position);
    if (!await loadPair("/api/review", JSON.stringify({ position, annotation }))) history.pop();
  }
  async function back() {
    if (!history.length || waiting) return;
    const position = history.pop();
    if (!await loadPair(`/api/review?position=${position}`)) history.push(position);
  }
  for (const button of review.querySelectorAll("[data-annotation]")) button.addEventListener("click", () => { annotate(button.dataset.annotation); button.blur(); });
  $("#back").addEventListener("click", back);
  document.addEventListener("keydown", (event) => {
    if (review.hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const annotation = { s: "same", d: "different", k: "skip" }[event.key.toLowerCase()];
    if (annotation) { event.preventDefault(); annotate(annotation); }
    else if (event.key.toLowerCase() === "b" || event.key === "Backspace") { event.preventDefault(); back(); }
  });

  sections.onShow((name) => { if (name === "pairs" && !current) loadPair("/api/review"); });
  // A file that is dropped beside an input does not replace the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
})();
