// The gallery: filters, search and pages.
"use strict";
const QUERIES_PER_PAGE = 10;

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
  const onPage = results.slice(first, first + QUERIES_PER_PAGE);
  for (const query of onPage) query.visibleCards = query.cards.filter((card) => card.kind !== "review" || state.view === "review");
  const rows = packRows(onPage.map((query) => blockWidth(query.visibleCards.length)), pageWidth(), WIDTH.gap, onPage.length);
  document.getElementById("queries").replaceChildren(
    ...rows.flat().map((place) => makeBlock(onPage[place])),
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
  document.getElementById("legend").append(...legendEntries([...weight.keys()].filter((name) => weight.get(name) !== 0), (name) =>
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
// A report has sections: its queries are drawn when theirs is shown.
if (typeof sections === "undefined") render();
else sections.onShow((name) => {
  if (name !== "gallery" || document.querySelector("#queries > *")) return;
  if (readAddress()) fillForm(); // before that is written anew
  render();
});
if (fromAddress) document.getElementById("gallery").scrollIntoView();
