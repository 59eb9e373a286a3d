// The gallery: filters, search, pages and cards. Titles are strangers' text: everything is put in as text.
"use strict";
const gallery = JSON.parse(document.getElementById("gallery-data").textContent);
const PAGE = 10;
const CARDS = 12;

/** An element with properties, attributes (data-*, aria-*, style) and children; strings become text. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (/^(data|aria)-|^(style|for|role)$/.test(key)) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

const listing = (at) => {
  const [id, title, split, size] = gallery.listings[at];
  return { id, title, split, size };
};

let pictures = null;
function picture(at) {
  pictures ??= JSON.parse(document.getElementById("picture-data").textContent);
  const webp = pictures[at];
  return webp
    ? element("img", { src: `data:image/webp;base64,${webp}`, alt: "", decoding: "async" })
    : element("span", { className: "blank" }, "no picture");
}

/** A title with the given [start, stop] places marked; places count characters, as Python does. */
function marked(title, marks = []) {
  const characters = Array.from(title);
  const parts = [];
  let last = 0;
  for (const [start, stop] of marks) {
    if (start < last) continue;
    parts.push(characters.slice(last, start).join(""), element("mark", {}, characters.slice(start, stop).join("")));
    last = stop;
  }
  return [...parts, characters.slice(last).join("") || null];
}

/** [channel, cosine or null, share of the score or null]; a share is what the channel adds to the score. */
function shares(card) {
  const known = gallery.channels.map((channel, at) => [channel, card.cosines?.[at] ?? null]);
  const total = known.reduce((sum, [channel, cosine]) => sum + (cosine === null ? 0 : channel.weight ?? 0), 0);
  return known.map(([channel, cosine]) => [channel, cosine, cosine === null || !total ? null : (channel.weight * cosine) / total]);
}

const hue = (at) => `var(--channel-${at % 8})`;

/** One thin bar: what each channel adds to the score, or where no weights explain it, each one's similarity. */
function bar(card) {
  if (!card.cosines) return null;
  const explained = shares(card);
  const weighed = explained.some(([, , share]) => share !== null);
  const title = explained
    .filter(([, cosine]) => cosine !== null)
    .map(([channel, cosine, share]) => `${channel.name} ${cosine.toFixed(2)}${share ? ` (adds ${share.toFixed(2)})` : ""}`)
    .join(", ");
  if (weighed) {
    const pieces = explained.map(([, , share], at) =>
      share > 0 ? element("i", { style: `width:${(100 * share).toFixed(1)}%;background:${hue(at)}` }) : null);
    return element("span", { className: "bar", title, role: "img", "aria-label": title }, pieces);
  }
  const lines = explained.map(([, cosine], at) =>
    cosine === null ? null : element("i", { style: `width:${(100 * Math.max(0, cosine)).toFixed(1)}%;background:${hue(at)}` }));
  return element("span", { className: "bars", title, role: "img", "aria-label": title }, lines);
}

const shown = (value) => (value === undefined || value === null ? "–" : value.toFixed(2));

function cardOf(query, card) {
  const other = listing(card.other);
  const [label, tone] = gallery.kinds[card.kind];
  const score = "before" in card || gallery.pair
    ? `${shown(card.before)} → ${shown(card.score)}`
    : card.score === undefined ? null : card.score.toFixed(2);
  const made = element("button", { type: "button", className: `card ${tone}`, "data-kind": card.kind },
    element("span", { className: "picture" }, picture(card.other)),
    element("span", { className: "verdict" }, element("b", {}, label), element("span", { className: "score", title: gallery.score }, score)),
    element("span", { className: "title", title: other.title }, other.title ? marked(other.title, card.marks) : element("em", {}, "no title")),
    bar(card),
    card.told && element("span", { className: "conflicts" }, card.told.map(([ours, theirs]) => element("span", { className: "chip" }, ours, " ≠ ", theirs))),
    card.why && element("span", { className: "why" }, card.why.slice(0, 2).map(([family, moved]) => element("span", { className: moved > 0 ? "chip up" : "chip down" }, `${family} ${moved > 0 ? "+" : "−"}${Math.abs(moved).toFixed(1)}`))),
    card.review && element("span", { className: "chip review" }, "review band"));
  made.addEventListener("click", () => showEvidence(query, card));
  return made;
}

function blockOf(query) {
  const own = listing(query.query);
  const cards = query.cards.filter((card) => card.kind !== "review" || state.view === "review");
  query.visible = cards;
  const facts = [own.split, own.size ? `${own.size} of its product` : "no label"];
  const f1 = query.f1 === undefined ? null
    : Array.isArray(query.f1) ? `F1 ${shown(query.f1[0])} → ${shown(query.f1[1])}` : `F1 ${shown(query.f1)}`;
  const most = cards.length > CARDS + 3 ? CARDS : cards.length;
  const grid = element("div", { className: "cards" }, cards.slice(0, most).map((card) => cardOf(query, card)));
  const rest = cards.slice(most);
  if (rest.length) {
    const more = element("button", { type: "button", className: "more" }, `${rest.length} more`);
    more.addEventListener("click", () => { more.replaceWith(...rest.map((card) => cardOf(query, card))); });
    grid.append(more);
  }
  if (!cards.length) grid.append(element("p", { className: "note" }, own.size === 1 ? "No match, and none to find." : "No match."));
  if (query.hidden) grid.append(element("p", { className: "note" }, `${query.hidden} more of its product were missed.`));
  return element("article", { className: "query", tabIndex: -1, "data-id": own.id },
    element("div", { className: "subject" },
      element("span", { className: "picture" }, picture(query.query)),
      element("div", {},
        element("p", { className: "title" }, own.title || element("em", {}, "no title")),
        element("p", { className: "facts" }, f1 && element("b", {}, f1), ...facts.map((fact) => element("span", {}, fact))),
        element("p", { className: "id" }, own.id))),
    grid);
}

// ---------------------------------------------------------------- what is shown

const fold = (text) => text.normalize("NFKC").toLowerCase();
const queries = gallery.queries.map((query, at) => {
  const own = listing(query.query);
  return { ...query, at, split: own.split, words: fold(`${own.title} ${own.id}`), matches: query.cards.filter((c) => !["missed", "review"].includes(c.kind)).length };
});
const change = (q) => (Array.isArray(q.f1) ? q.f1[1] - q.f1[0] : 0);
const orders = {
  id: (a, b) => a.at - b.at,
  worst: (a, b) => (a.f1 ?? 2) - (b.f1 ?? 2) || a.at - b.at,
  most: (a, b) => b.matches - a.matches || a.at - b.at,
  gained: (a, b) => change(b) - change(a) || a.at - b.at,
  lost: (a, b) => change(a) - change(b) || a.at - b.at,
};
const form = document.getElementById("filters");
const start = { view: "all", split: "", group: "", sort: Object.keys(gallery.sorts)[0], words: "", page: 0 };
const state = { ...start };

function wanted() {
  const words = fold(state.words).split(/\s+/).filter(Boolean);
  return queries.filter((q) =>
    (!state.split || q.split === state.split) &&
    (state.group === "" || q.group === Number(state.group)) &&
    words.every((word) => q.words.includes(word)));
}

function render() {
  const some = wanted();
  for (const [view, count] of Object.entries(Object.fromEntries(Object.keys(gallery.views).map((v) => [v, some.filter((q) => q.flags.includes(v)).length])))) {
    const chip = form.querySelector(`label[data-view="${view}"] .n`);
    if (chip) chip.textContent = count.toLocaleString("en");
  }
  const found = some.filter((q) => q.flags.includes(state.view)).sort(orders[state.sort]);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  state.page = Math.min(Math.max(0, state.page), pages - 1);
  const first = state.page * PAGE;
  document.getElementById("queries").replaceChildren(
    ...found.slice(first, first + PAGE).map(blockOf),
    ...(found.length ? [] : [element("p", { className: "note nothing" }, "No query passes these filters. ", resetButton())]));
  document.querySelector(".count").textContent = found.length
    ? `${(first + 1).toLocaleString("en")}–${Math.min(first + PAGE, found.length).toLocaleString("en")} of ${found.length.toLocaleString("en")} queries`
    : "0 queries";
  for (const place of document.querySelectorAll(".turn")) place.replaceChildren(...turnButtons(pages));
  remember();
}

function resetButton() {
  const reset = element("button", { type: "button" }, "Show all");
  reset.addEventListener("click", () => { Object.assign(state, start); fill(); render(); });
  return reset;
}

function turnButtons(pages) {
  const button = (label, name, to) => {
    const made = element("button", { type: "button", disabled: to < 0 || to >= pages || to === state.page, "aria-label": name }, label);
    made.addEventListener("click", () => turn(to));
    return made;
  };
  return [
    button("«", "first page", 0), button("‹", "previous page", state.page - 1),
    element("span", {}, `${state.page + 1} / ${pages}`),
    button("›", "next page", state.page + 1), button("»", "last page", pages - 1)];
}

function turn(page) {
  const before = state.page;
  state.page = page;
  render();
  if (state.page !== before) document.getElementById("filters").scrollIntoView({ block: "start" });
}

// ---------------------------------------------------------------- filters, address, keys

function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, label]) => element("option", { value }, label)));
}

function build() {
  const present = new Set(queries.flatMap((q) => q.flags));
  const some = Object.entries(gallery.views).filter(([view]) => view === "all" || present.has(view));
  document.getElementById("views").append(...some.map(([view, label]) =>
    element("label", { className: "choice", "data-view": view },
      element("input", { type: "radio", name: "view", value: view }), label, " ", element("span", { className: "n" }))));
  const splits = ["test", "val", "train"].filter((split) => queries.some((q) => q.split === split));
  options(form.split, [["", "all"], ...splits.map((split) => [split, split])]);
  const groups = gallery.groups.map((label, at) => [String(at), label]).filter(([at]) => queries.some((q) => q.group === Number(at)));
  options(form.group, [["", "all"], ...groups]);
  if (!gallery.labelled) document.getElementById("group-label").textContent = "listings that match";
  options(form.sort, Object.entries(gallery.sorts).filter(([sort]) => gallery.labelled || !["worst", "gained", "lost"].includes(sort)));
  document.getElementById("legend").append(...gallery.channels.map((channel, at) =>
    element("span", { className: "key" }, element("i", { style: `background:${hue(at)}` }), channel.name,
      channel.weight === null ? null : element("small", {}, `${Math.round(100 * channel.weight)}%`))));
}

/** The form as the state says. */
function fill() {
  for (const key of ["split", "group", "sort", "words"]) form[key].value = state[key];
  const choice = form.querySelector(`input[name=view][value="${CSS.escape(state.view)}"]`);
  if (choice) choice.checked = true;
}

/** The address says what is shown, so that it can be sent to somebody who has the file. */
function remember() {
  const told = Object.entries(state).filter(([key, value]) => value !== start[key]);
  const hash = told.length ? `#${new URLSearchParams(told)}` : location.hash.includes("=") ? "#gallery" : location.hash;
  try { history.replaceState(null, "", hash || location.pathname); } catch { /* some browsers forbid it in files */ }
}

function recall() {
  if (!location.hash.includes("=")) return false;
  const told = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  Object.assign(state, start);
  for (const key of Object.keys(start)) if (key in told) state[key] = key === "page" ? Number(told.page) || 0 : told[key];
  if (!Object.hasOwn(gallery.views, state.view)) state.view = "all";
  if (!Object.hasOwn(gallery.sorts, state.sort)) state.sort = start.sort;
  return true;
}

let waiting = 0;
form.addEventListener("submit", (event) => event.preventDefault());
function take() {
  for (const key of ["split", "group", "sort", "words"]) state[key] = form[key].value;
  state.view = form.querySelector("input[name=view]:checked")?.value ?? "all";
  state.page = 0;
  render();
}
form.addEventListener("input", (event) => {
  clearTimeout(waiting);
  if (event.target.name === "words") waiting = setTimeout(take, 120);
  else take();
});
// A filter that was clicked lets go of the keys, or the arrows would choose the next filter.
document.getElementById("views").addEventListener("click", (event) => { if (event.detail) document.activeElement.blur(); });
addEventListener("hashchange", () => { if (recall()) { fill(); render(); } });

function step(by) {
  const blocks = [...document.querySelectorAll("article.query")];
  const at = blocks.indexOf(document.activeElement?.closest("article.query"));
  const next = blocks[at < 0 ? (by > 0 ? 0 : blocks.length - 1) : at + by];
  if (next) { next.focus({ preventScroll: true }); next.scrollIntoView({ block: "start" }); }
}

const keys = {
  ArrowRight: () => turn(state.page + 1),
  ArrowLeft: () => turn(state.page - 1),
  j: () => step(1),
  k: () => step(-1),
  "/": () => { form.words.focus(); form.words.select(); },
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input, select, textarea")) {
    if (event.key === "Escape" && event.target === form.words) { form.words.value = ""; form.dispatchEvent(new Event("input")); form.words.blur(); }
    return;
  }
  if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
});

build();
const sent = recall();
fill();
render();
if (sent) document.getElementById("gallery").scrollIntoView();
