// The gallery: filters, search, pages and cards.
"use strict";
const gallery = JSON.parse(document.getElementById("gallery-data").textContent);
const QUERIES_PER_PAGE = 10;
const CARDS_PER_QUERY = 12; // the rest opens by a button
const FEW = 2; // queries with so many cards share a line

function listing(number) {
  const [id, title, split, productSize, source] = gallery.listings[number];
  return { id, title, split, productSize, source };
}

function picture(number) {
  const [src] = pictureSources(number);
  return [
    src ? element("img", { src, alt: "", decoding: "async" }) : element("span", { className: "no-picture" }, "no picture"),
    furtherCount(gallery.listings[number][5])];
}

// ---------------------------------------------------------------- cards

/** [channel, cosine or null, contribution to the score or null] for each channel. */
function contributions(card) {
  const rows = gallery.channels.map((channel, i) => [channel, card.cosines?.[i] ?? null]);
  const total = rows.reduce((sum, [channel, cosine]) => sum + (cosine === null ? 0 : channel.weight ?? 0), 0);
  return rows.map(([channel, cosine]) => [channel, cosine, cosine === null || !total ? null : (channel.weight * cosine) / total]);
}

/** One bar of what each channel contributes to the score; without weights, a bar for each channel's similarity. */
function channelBars(card) {
  if (!card.cosines) return null;
  const rows = contributions(card);
  const weighted = rows.some(([, , contribution]) => contribution !== null);
  const title = rows
    .filter(([, cosine]) => cosine !== null)
    .map(([channel, cosine, contribution]) => `${evidenceLabel(channel.name)} ${cosine.toFixed(2)}${contribution ? ` (adds ${contribution.toFixed(2)})` : ""}`)
    .join(", ");
  const bars = rows.map(([channel, cosine, contribution]) => {
    const value = weighted ? contribution : cosine;
    return value === null || (weighted && value <= 0) ? null : element("i", { style: { width: barWidth(value), background: evidenceColour(channel.name) } });
  });
  return element("span", { className: weighted ? "stacked-bar" : "bars", title, role: "img", "aria-label": title }, bars);
}

const twoDecimals = (value) => (value === undefined || value === null ? "–" : value.toFixed(2));

/** The two strongest reasons of the pair model. */
function reasonChips(reasons) {
  const moves = gallery.families.map((family, i) => [family, reasons[i]]).filter(([family]) => family !== "base");
  return mergeSteps(moves).slice(0, 2).map(([label, , value]) =>
    element("span", { className: value > 0 ? "chip up" : "chip down" }, `${label} ${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(1)}`));
}

function makeCard(query, card) {
  const { title, source } = listing(card.listing);
  const [label, tone] = gallery.kinds[card.kind];
  const score = gallery.systems
    ? `${twoDecimals(card.score_before)} → ${twoDecimals(card.score)}`
    : card.score === undefined ? null : card.score.toFixed(2);
  const made = element("button", { type: "button", className: `card ${tone}`, "data-kind": card.kind },
    element("span", { className: "picture" }, picture(card.listing)),
    element("span", { className: "kind" }, element("b", {}, label), element("span", { className: "score", title: gallery.score }, score)),
    element("span", { className: "title", title, dir: "auto" }, title ? markedTitle(title, conflictPlaces(card.conflicts, "right")) : element("em", {}, "no title")),
    source && element("span", { className: "id" }, source),
    channelBars(card),
    card.conflicts && element("span", { className: "chips" }, conflictChips(card.conflicts, listing(query.query).title, title)),
    card.attributes && element("span", { className: "chips" }, attributeChips(card.attributes)),
    card.reasons && element("span", { className: "chips" }, reasonChips(card.reasons)),
    card.review && element("span", { className: "chip info" }, "clerical review"));
  made.addEventListener("click", () => showEvidence(query, card));
  return made;
}

/** Cards side by side, the first CARDS_PER_QUERY of them; a button shows the rest. */
function cardGrid(query, cards) {
  const nShown = cards.length > CARDS_PER_QUERY + 3 ? CARDS_PER_QUERY : cards.length;
  const grid = element("div", { className: "cards" }, cards.slice(0, nShown).map((card) => makeCard(query, card)));
  const rest = cards.slice(nShown);
  if (rest.length) {
    const more = element("button", { type: "button", className: "more" }, `${rest.length} more`);
    more.addEventListener("click", () => { more.replaceWith(...rest.map((card) => makeCard(query, card))); });
    grid.append(more);
  }
  return grid;
}

/** What the second system wins and what it loses, side by side, and below it what neither changes. */
function wonAndLost(query, cards) {
  const part = (name, tones) => {
    const of = cards.filter((card) => tones.includes(gallery.kinds[card.kind][1]));
    return of.length ? element("div", {}, element("h3", { className: "note" }, `${name} (${of.length})`), cardGrid(query, of)) : null;
  };
  return element("div", { className: "won-and-lost" }, part("Won", ["good"]), part("Lost", ["bad"]), part("Changed", ["info", "warn"]), part("Same in both", ["plain"]));
}

function makeBlock(query) {
  const { id, title, split, productSize, source } = listing(query.query);
  const cards = query.cards.filter((card) => card.kind !== "review" || state.view === "review");
  query.visibleCards = cards;
  const facts = [...(source ? [source] : []), split, productSize ? `product of ${productSize}` : "no label"];
  const f1 = query.f1 === undefined ? null
    : Array.isArray(query.f1) ? `F1 ${twoDecimals(query.f1[0])} → ${twoDecimals(query.f1[1])}` : `F1 ${twoDecimals(query.f1)}`;
  const grid = gallery.systems ? wonAndLost(query, cards) : cardGrid(query, cards);
  if (!cards.length) grid.append(element("p", { className: "note" }, productSize === 1 ? "No match. Correct: its product has no other listing." : "No match."));
  if (query.hidden) grid.append(element("p", { className: "note" }, `${query.hidden} more listings of its product were missed.`));
  return element("article", { className: `query${cards.length > FEW || gallery.systems ? " wide" : ""}`, tabIndex: -1, "data-id": id },
    element("div", { className: "query-listing" },
      element("span", { className: "picture" }, picture(query.query)),
      element("div", {},
        element("p", { className: "title", dir: "auto" }, title || element("em", {}, "no title")),
        element("p", { className: "facts" }, f1 && element("b", {}, f1), ...facts.map((fact) => element("span", {}, fact))),
        element("p", { className: "id" }, id))),
    grid);
}

// ---------------------------------------------------------------- which queries are shown

const fold = (text) => text.normalize("NFKC").toLowerCase();
const queries = gallery.queries.map((query, position) => {
  const { id, title, split } = listing(query.query);
  const nMatches = query.cards.filter((card) => !["missed", "review"].includes(card.kind)).length;
  return { ...query, position, split, words: fold(`${title} ${id}`), nMatches };
});
const gain = (query) => (Array.isArray(query.f1) ? query.f1[1] - query.f1[0] : 0);
const orders = {
  id: (a, b) => a.position - b.position,
  worst: (a, b) => (a.f1 ?? 2) - (b.f1 ?? 2) || a.position - b.position,
  most: (a, b) => b.nMatches - a.nMatches || a.position - b.position,
  gain: (a, b) => gain(b) - gain(a) || a.position - b.position,
  loss: (a, b) => gain(a) - gain(b) || a.position - b.position,
};
const form = document.getElementById("filters");
// The labels of test chose nothing, so its queries show what to expect of new listings.
const initialState = { view: "all", split: queries.some((query) => query.split === "test" && query.f1 !== undefined) ? "test" : "", group: "", sort: Object.keys(gallery.sorts)[0], words: "", page: 0 };
const state = { ...initialState };

/** The queries that pass every filter but the view. */
function filteredQueries() {
  const words = fold(state.words).split(/\s+/).filter(Boolean);
  return queries.filter((query) =>
    (!state.split || query.split === state.split) &&
    (state.group === "" || query.group === Number(state.group)) &&
    words.every((word) => query.words.includes(word)));
}

function render() {
  const filtered = filteredQueries();
  for (const view of Object.keys(gallery.views)) {
    const count = form.querySelector(`label[data-view="${view}"] .view-count`);
    if (count) count.textContent = filtered.filter((query) => query.views.includes(view)).length.toLocaleString("en");
  }
  const results = filtered.filter((query) => query.views.includes(state.view)).sort(orders[state.sort]);
  const nPages = Math.max(1, Math.ceil(results.length / QUERIES_PER_PAGE));
  state.page = Math.min(Math.max(0, state.page), nPages - 1);
  const first = state.page * QUERIES_PER_PAGE;
  document.getElementById("queries").replaceChildren(
    ...results.slice(first, first + QUERIES_PER_PAGE).map(makeBlock),
    ...(results.length ? [] : [element("p", { className: "note no-results" }, "No query passes these filters. ", resetButton())]));
  const last = Math.min(first + QUERIES_PER_PAGE, results.length);
  document.querySelector("#gallery .count").textContent = results.length
    ? `${(first + 1).toLocaleString("en")}–${last.toLocaleString("en")} of ${results.length.toLocaleString("en")} queries`
    : "0 queries";
  for (const place of document.querySelectorAll(".page-buttons")) place.replaceChildren(...pageButtons(nPages));
  writeAddress();
}

function resetButton() {
  const reset = element("button", { type: "button" }, "Show all");
  reset.addEventListener("click", () => { Object.assign(state, initialState, { split: "" }); fillForm(); render(); });
  return reset;
}

function pageButtons(nPages) {
  const button = (label, name, page) => {
    const made = element("button", { type: "button", disabled: page < 0 || page >= nPages || page === state.page, "aria-label": name }, label);
    made.addEventListener("click", () => showPage(page));
    return made;
  };
  return [
    button("«", "first page", 0), button("‹", "previous page", state.page - 1),
    element("span", {}, `${state.page + 1} / ${nPages}`),
    button("›", "next page", state.page + 1), button("»", "last page", nPages - 1)];
}

function showPage(page) {
  const before = state.page;
  state.page = page;
  render();
  if (state.page !== before) document.getElementById("filters").scrollIntoView({ block: "start" });
}

// ---------------------------------------------------------------- filters, address, keys

function setOptions(select, options) {
  select.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
}

function buildFilters() {
  const present = new Set(queries.flatMap((query) => query.views));
  const views = Object.entries(gallery.views).filter(([view]) => view === "all" || present.has(view));
  document.getElementById("views").append(...views.map(([view, label]) =>
    element("label", { className: "view", "data-view": view },
      element("input", { type: "radio", name: "view", value: view }), label, " ", element("span", { className: "view-count" }))));
  const splits = ["test", "val", "train"].filter((split) => queries.some((query) => query.split === split));
  setOptions(form.split, [["", "all"], ...splits.map((split) => [split, split])]);
  const groups = gallery.groups.map((label, i) => [String(i), label]).filter(([i]) => queries.some((query) => query.group === Number(i)));
  setOptions(form.group, [["", "all"], ...groups]);
  if (!gallery.labelled) document.getElementById("group-label").textContent = "listings that match";
  setOptions(form.sort, Object.entries(gallery.sorts).filter(([sort]) => gallery.labelled || !["worst", "gain", "loss"].includes(sort)));
  const weight = new Map(gallery.channels.map((channel) => [channel.name, channel.weight]));
  document.getElementById("legend").append(...legendEntries([...weight.keys()], (name) =>
    (weight.get(name) === null ? null : element("small", {}, `${Math.round(100 * weight.get(name))}%`))));
}

/** Set the form to the state. */
function fillForm() {
  for (const key of ["split", "group", "sort", "words"]) form[key].value = state[key];
  const radio = form.querySelector(`input[name=view][value="${CSS.escape(state.view)}"]`);
  if (radio) radio.checked = true;
}

/** Set the state to the form. */
function readForm() {
  for (const key of ["split", "group", "sort", "words"]) state[key] = form[key].value;
  state.view = form.querySelector("input[name=view]:checked")?.value ?? "all";
  state.page = 0;
  render();
}

/** The address holds the state, so that a link shows the same queries to another reader of the file. */
function writeAddress() {
  const changed = Object.entries(state).filter(([key, value]) => value !== initialState[key]);
  const [name, values] = location.hash.slice(1).split("?");
  if (!changed.length && !values) return;
  const hash = changed.length ? `#gallery?${new URLSearchParams(changed)}` : `#${name}`;
  try { history.replaceState(null, "", hash); } catch { /* some browsers forbid it in files */ }
}

function readAddress() {
  const [name, values] = location.hash.slice(1).split("?");
  if (name !== "gallery" || !values) return false;
  const given = Object.fromEntries(new URLSearchParams(values));
  Object.assign(state, initialState);
  for (const key of Object.keys(initialState)) if (key in given) state[key] = key === "page" ? Number(given.page) || 0 : given[key];
  if (!Object.hasOwn(gallery.views, state.view)) state.view = "all";
  if (!Object.hasOwn(gallery.sorts, state.sort)) state.sort = initialState.sort;
  return true;
}

let typing = 0;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  clearTimeout(typing);
  if (event.target.name === "words") typing = setTimeout(readForm, 120);
  else readForm();
});
// After a click on a filter the arrow keys turn pages again; with focus on it they would choose the next filter.
document.getElementById("views").addEventListener("click", (event) => { if (event.detail) document.activeElement.blur(); });
addEventListener("hashchange", () => {
  if (!readAddress()) return;
  fillForm();
  render();
  document.getElementById("gallery").scrollIntoView();
});

function focusQuery(step) {
  const blocks = [...document.querySelectorAll("article.query")];
  const current = blocks.indexOf(document.activeElement?.closest("article.query"));
  const next = blocks[current < 0 ? (step > 0 ? 0 : blocks.length - 1) : current + step];
  if (next) { next.focus({ preventScroll: true }); next.scrollIntoView({ block: "start" }); }
}

const keys = {
  ArrowRight: () => showPage(state.page + 1),
  ArrowLeft: () => showPage(state.page - 1),
  Enter: () => document.activeElement.closest("article.query")?.querySelector(".card")?.click(),
  j: () => focusQuery(1),
  k: () => focusQuery(-1),
  "/": () => { form.words.focus(); form.words.select(); },
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || !form.offsetParent) return;
  if (event.target.closest("input, select, textarea")) {
    if (event.key === "Escape" && event.target === form.words) { form.words.value = ""; form.dispatchEvent(new Event("input")); form.words.blur(); }
    return;
  }
  if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
  if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
});

buildFilters();
const fromAddress = readAddress();
fillForm();
render();
if (fromAddress) document.getElementById("gallery").scrollIntoView();
