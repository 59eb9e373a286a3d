// The changes of products between two runs: kinds, search and pages.
"use strict";
(() => {
  const CHANGES_PER_PAGE = 20;
  const content = JSON.parse(document.getElementById("change-data").textContent);
  const form = document.getElementById("filters");
  const fold = (text) => text.normalize("NFKC").toLowerCase();
  const words = content.listings.map(([id, title = "", source = ""]) => fold(`${title} ${id} ${source}`));
  const blocks = content.blocks.map(([kind, changed, before, after]) => ({
    kind, changed, before, after, listings: [...new Set([...changed, ...[...before, ...after].flatMap(([, , listings]) => listings)])],
  }));
  let page = 0;

  function listingCard(number, changed) {
    const [id, title, source] = content.listings[number];
    const [src] = pictureSources(number);
    return element("div", { className: `change-listing${changed.includes(number) ? " changed" : ""}` },
      element("span", { className: "picture" }, src ? element("img", { src, alt: "", decoding: "async" }) : element("span", { className: "no-picture" }, "no picture")),
      element("p", { className: "title", dir: "auto", title: title ?? "" }, title === undefined ? "no longer in the catalogue" : title || "no title"),
      element("p", { className: "id" }, source ? `${source} · ${id}` : id));
  }

  function side(name, products, changed, none) {
    return element("div", {}, element("h3", {}, name), products.length ? products.map(([product, n, listings]) =>
      element("div", { className: "change-product" },
        element("p", {}, `Product ${product}, ${n.toLocaleString("en")} ${n === 1 ? "listing" : "listings"}`),
        element("div", { className: "change-listings" }, listings.map((number) => listingCard(number, changed))),
        n > listings.length ? element("p", {}, `${(n - listings.length).toLocaleString("en")} more`) : null)) : element("p", { className: "note" }, none));
  }

  function makeChange({ kind, changed, before, after }) {
    const n = changed.length || 1;
    return element("article", { className: "change", "data-kind": kind },
      element("h2", {}, `${n.toLocaleString("en")} ${content.labels[kind][n === 1 ? 1 : 2]}`),
      element("div", { className: "change-sides" },
        side("Before", before, changed, "Not in the catalogue."), side("After", after, changed, "No longer in the catalogue.")));
  }

  function show() {
    const wanted = fold(form.words.value).split(/\s+/).filter(Boolean);
    const filtered = blocks.filter((block) => wanted.every((word) => block.listings.some((number) => words[number].includes(word))));
    const kind = form.querySelector("input[name=kind]:checked").value;
    for (const label of form.querySelectorAll(".view")) {
      const of = filtered.filter((block) => !label.dataset.kind || block.kind === label.dataset.kind);
      label.querySelector(".view-count").textContent = of.length.toLocaleString("en");
    }
    const shown = filtered.filter((block) => !kind || block.kind === kind);
    const nPages = Math.max(1, Math.ceil(shown.length / CHANGES_PER_PAGE));
    page = Math.min(Math.max(page, 0), nPages - 1);
    const first = page * CHANGES_PER_PAGE;
    const last = Math.min(first + CHANGES_PER_PAGE, shown.length);
    document.getElementById("change-list").replaceChildren(...shown.slice(first, last).map(makeChange));
    document.querySelector("#changes .count").textContent = shown.length
      ? `${(first + 1).toLocaleString("en")}–${last.toLocaleString("en")} of ${shown.length.toLocaleString("en")} changes` : "No change passes these filters.";
    for (const place of document.querySelectorAll(".page-buttons")) place.replaceChildren(button("‹", "previous page", -1, page === 0), element("span", {}, `${page + 1} / ${nPages}`), button("›", "next page", 1, page === nPages - 1));
  }

  function button(label, name, step, disabled) {
    const made = element("button", { type: "button", disabled, "aria-label": name }, label);
    made.addEventListener("click", () => turn(step));
    return made;
  }
  function turn(step) { page += step; show(); form.scrollIntoView({ block: "start" }); }

  const kinds = Object.keys(content.labels).filter((kind) => blocks.some((block) => block.kind === kind));
  document.getElementById("views").append(...["", ...kinds].map((kind) => element("label", { className: "view", "data-kind": kind },
    element("input", { type: "radio", name: "kind", value: kind, checked: !kind }), kind ? content.labels[kind][0] : "all", " ", element("span", { className: "view-count" }))));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { page = 0; show(); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === form.words) return;
    if (event.key === "/") { event.preventDefault(); form.words.focus(); }
    else if (event.target.closest("input")) return;
    else if (event.key === "ArrowRight") turn(1);
    else if (event.key === "ArrowLeft") turn(-1);
  });
  show();
})();
