// Two listings side by side, with the evidence for and against one product.
"use strict";
const dialog = document.getElementById("evidence");
let opened = null;

function evidenceSide(number, name, places) {
  const { id, title, split, source } = listing(number);
  return element("div", { className: "side" },
    element("p", { className: "note" }, name),
    element("span", { className: "picture" }, picture(number)),
    furtherPictures(pictureSources(number).slice(1)),
    element("p", { className: "title", dir: "auto" }, title ? markedTitle(title, places) : element("em", {}, "no title")),
    element("p", { className: "id" }, [...(source ? [source] : []), id, split].join(" · ")));
}

function channelTable(card) {
  const weighted = gallery.channels.some((channel) => channel.weight !== null);
  const header = ["evidence", "similarity", weighted ? "weight" : "", weighted ? "adds" : ""];
  const rows = contributions(card).map(([channel, cosine, contribution]) =>
    element("tr", {},
      element("th", { scope: "row", title: channel.name }, element("i", { style: { background: evidenceColour(channel.name) } }), evidenceLabel(channel.name)),
      element("td", {},
        cosine === null ? "–" : element("span", { className: "meter" }, element("i", { style: { width: barWidth(cosine), background: evidenceColour(channel.name) } })),
        cosine === null ? "" : cosine.toFixed(3)),
      element("td", {}, channel.weight === null ? "" : `${Math.round(100 * channel.weight)}%`),
      element("td", {}, contribution === null ? "" : contribution.toFixed(3))));
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Similarities" }, element("table", {},
    element("thead", {}, element("tr", {}, header.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, rows)));
}

/** The waterfall of a card; null where nothing explains its score. */
function whyCard(card) {
  if (card.reasons) return whyReasons(gallery.families.map((family, i) => [family, card.reasons[i]]), card.score);
  const steps = contributions(card).filter(([, , contribution]) => contribution).map(([channel, , contribution]) => [channel.name, contribution]);
  return steps.length ? waterfall(steps, { threshold: gallery.threshold }) : null;
}

function showEvidence(query, card) {
  const [label, tone] = gallery.kinds[card.kind];
  const close = element("button", { type: "button", className: "close", "aria-label": "close" }, "✕");
  close.addEventListener("click", () => dialog.close());
  const scores = gallery.systems
    ? [[gallery.systems[0], card.score_before], [gallery.systems[1], card.score]] : [[gallery.score, card.score]];
  dialog.replaceChildren(...[
    close,
    element("p", { className: `kind ${tone}` }, element("b", {}, label),
      ...scores.map(([name, value]) => element("span", {}, `${name} ${value === undefined || value === null ? "–" : value.toFixed(4)}`)),
      card.review && element("span", {}, "in clerical review")),
    element("div", { className: "sides" },
      evidenceSide(query.query, "query", conflictPlaces(card.conflicts, "left")),
      evidenceSide(card.listing, "listing", conflictPlaces(card.conflicts, "right"))),
    card.conflicts && element("p", {}, "The titles contradict each other: ",
      conflictChips(card.conflicts, listing(query.query).title, listing(card.listing).title)),
    card.attributes && element("p", {}, "Attributes: ", attributeChips(card.attributes)),
    whyCard(card),
    card.cosines && channelTable(card),
  ].filter(Boolean));
  opened = { query, card };
  if (!dialog.open) dialog.showModal();
  close.focus();
}

// ← and → show the other cards of the query.
dialog.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const next = step && opened.query.visibleCards[opened.query.visibleCards.indexOf(opened.card) + step];
  if (next) showEvidence(opened.query, next);
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
