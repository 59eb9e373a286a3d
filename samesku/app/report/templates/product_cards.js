// How a product and its listings look. `view` is the Products that shows them.
"use strict";

const MAX_CARDS = 40; // of one product; a larger one says how many more it has

function makeProduct(view, group, width) {
  const n = group.listings.length;
  const flags = [
    group.confirmed && ["confirmed", "up", "All listings are annotated as the same product."],
    group.changed && !group.confirmed && ["changed", "info", "People changed this group. The next run of the pipeline makes it anew."],
    group.contradictions.length && [group.contradictions[0][2], "", group.contradictions.map(([, , text]) => text).join("\n")],
    group.weak && ["weak member", "down", `A listing has a mean score below ${view.source.threshold.toFixed(2)}, the lowest score of a match.`],
  ].filter(Boolean);
  const button = (action, label, key, title) => element("button", { type: "button", "data-action": action, title: `${title} (${key})` }, label);
  const makers = [
    ...group.listings.slice(0, MAX_CARDS).map((listing, place) => () => makeListingCard(view, group, listing, place)),
    ...group.removed.map((listing) => () => makeRemovedCard(view, listing))];
  if (n > MAX_CARDS) makers.push(() => element("p", { className: "note" }, `${n - MAX_CARDS} more listings; the file has them all.`));
  const made = element("article", {
    className: `product${group === view.marked ? " marked" : ""}`, "data-name": group.name, "aria-label": `Product ${group.name}`,
    style: { width: `${width}px` },
  },
    element("header", {},
      element("b", {}, `Product ${group.name}`), element("span", {}, count(n, "listing")),
      group.certainty === null ? null : element("span", { className: "certainty", title: "The lowest mean score of a listing with the others" }, `certainty ${group.certainty.toFixed(2)}`)),
    element("p", { className: "flags" }, flags.map(([text, tone, title]) => element("span", { className: `chip ${tone}`, title }, text))),
    cardStrip(makers, width),
    element("footer", {},
      n > 1 ? button("confirm", "Confirm", "C", "All listings are the same product") : null,
      n > 2 ? button("split", "Split", "S", "The selected listings are another product") : null,
      button("merge", group === view.marked ? "Merge with …" : "Merge", "M", "Mark this product, then merge it with another one")));
  made.group = group;
  return made;
}

/** Cards in a line that scrolls sideways; those outside the window are made when it first scrolls, or by its `fill`. */
function cardStrip(makers, width) {
  const step = CARD.width + CARD.gap;
  const nFirst = Math.ceil(width / step) + 1;
  const overflows = makers.length * step - CARD.gap + CARD.padding > width;
  const strip = element("div", { className: `product-listings${overflows ? " overflowing" : ""}`, tabIndex: -1 }, makers.slice(0, nFirst).map((make) => make()));
  const rest = makers.slice(nFirst);
  if (!rest.length) return strip;
  const space = element("span", { className: "card-space", style: { width: `${rest.length * step - CARD.gap}px` } });
  strip.append(space);
  strip.fill = () => { if (space.isConnected) space.replaceWith(...rest.map((make) => make())); };
  strip.addEventListener("scroll", strip.fill, { once: true });
  return strip;
}

function makeListingCard(view, group, listing, place) {
  const { id, title, source, price } = view.source.listing(listing);
  const score = group.scores[place];
  const contradicts = group.contradictions.filter(([a, b]) => a === listing || b === listing);
  const weak = score !== undefined && score < view.source.threshold;
  const facts = [price, source].filter(Boolean).join(" · ");
  const select = element("button", {
    type: "button", className: "select", "aria-pressed": String(view.selected.has(listing)), "data-listing": listing,
    "aria-label": `${title || id}${weak ? ", weak member" : ""}${contradicts.length ? ", contradicts another listing" : ""}`,
  },
    element("span", { className: "picture" }, listingPicture(view, listing)),
    element("span", { className: "title", title, dir: "auto" }, title || "no title"),
    element("span", { className: "id", title: id }, id),
    facts ? element("span", { className: "id", title: facts }, facts) : null,
    score === undefined ? null : element("span", { className: "to-centre", title: "Mean score with the other listings of the product" },
      element("span", { className: "track" }, element("i", { style: { width: barWidth(score) } })), score.toFixed(2)));
  return element("div", { className: `product-listing${weak ? " weak" : ""}${contradicts.length ? " contradicts" : ""}` },
    select,
    group.listings.length > 1
      ? element("button", { type: "button", className: "remove-listing", "data-action": "remove", "data-listing": listing, title: "Remove: another product (X)", "aria-label": `Remove ${title || id}` }, "✕") : null);
}

function makeRemovedCard(view, listing) {
  const { id, title } = view.source.listing(listing);
  return element("div", { className: "product-listing removed" },
    element("span", { className: "picture" }, listingPicture(view, listing)),
    element("span", { className: "title", dir: "auto" }, title || id),
    element("span", { className: "id" }, "removed"),
    element("button", { type: "button", "data-action": "putBack", "data-listing": listing }, "Put back"));
}

/** The picture of a listing, as large as there is one with `large`. */
function listingPicture(view, listing, large = false) {
  const src = (large && view.source.picture?.(listing)) || view.source.thumbnail(listing);
  return src ? element("img", { src, alt: "", loading: "lazy", decoding: "async" }) : element("span", { className: "no-picture" }, "no picture");
}
