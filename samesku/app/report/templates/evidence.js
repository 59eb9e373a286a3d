// Two listings side by side, with all that speaks for and against one product.
"use strict";
const dialog = document.getElementById("evidence");
let open = null;

function side(at, name, marks) {
  const one = listing(at);
  return element("div", { className: "side" },
    element("p", { className: "note" }, name),
    element("span", { className: "picture" }, picture(at)),
    element("p", { className: "title" }, one.title ? marked(one.title, marks) : element("em", {}, "no title")),
    element("p", { className: "id" }, one.id, " · ", one.split));
}

function channelRows(card) {
  return shares(card).map(([channel, cosine, part], at) =>
    element("tr", {},
      element("th", { scope: "row" }, element("i", { style: `background:${hue(at)}` }), channel.name),
      element("td", {}, cosine === null ? "–" : element("span", { className: "meter" }, element("i", { style: `width:${(100 * Math.max(0, cosine)).toFixed(1)}%;background:${hue(at)}` })), cosine === null ? "" : cosine.toFixed(3)),
      element("td", {}, channel.weight === null ? "" : `${Math.round(100 * channel.weight)}%`),
      element("td", {}, part === null ? "" : part.toFixed(3))));
}

function showEvidence(query, card) {
  const [label, tone] = gallery.kinds[card.kind];
  const weighed = gallery.channels.some((channel) => channel.weight !== null);
  const close = element("button", { type: "button", className: "close", "aria-label": "close" }, "✕");
  close.addEventListener("click", () => dialog.close());
  const figures = gallery.pair
    ? [[gallery.pair[0], card.before], [gallery.pair[1], card.score]] : [[gallery.score, card.score]];
  dialog.replaceChildren(...[
    close,
    element("p", { className: `verdict ${tone}` }, element("b", {}, label),
      ...figures.map(([name, value]) => element("span", {}, `${name} ${value === undefined || value === null ? "–" : value.toFixed(4)}`)),
      card.review && element("span", {}, "in the review band")),
    element("div", { className: "sides" }, side(query.query, "query", card.own), side(card.other, "listing", card.marks)),
    card.told && element("p", {}, "The titles contradict each other: ", card.told.map(([ours, theirs]) => element("span", { className: "chip" }, ours, " ≠ ", theirs))),
    card.cosines && element("div", { className: "scroll" }, element("table", {},
      element("thead", {}, element("tr", {}, ["channel", "similarity", weighed ? "weight" : "", weighed ? "adds" : ""].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, channelRows(card)))),
    card.why && element("p", {}, "What moved the pair model most, in log-odds: ",
      card.why.map(([family, moved]) => element("span", { className: moved > 0 ? "chip up" : "chip down" }, `${family} ${moved > 0 ? "+" : "−"}${Math.abs(moved).toFixed(2)}`))),
  ].filter(Boolean));
  open = { query, card };
  if (!dialog.open) dialog.showModal();
  close.focus();
}

// ← and → show the query's other cards.
dialog.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const next = by && open.query.visible[open.query.visible.indexOf(open.card) + by];
  if (next) showEvidence(open.query, next);
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
