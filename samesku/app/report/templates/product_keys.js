// The mouse and the keys of the products.
"use strict";

class ProductPage extends Products {
  constructor(place, source) {
    super(place, source);
    this.fillForm();
    this.readAddress();
    this.listen();
  }

  fillForm() {
    const listings = [...this.numberOf.values()].map((listing) => this.source.listing(listing));
    const options = (name, values) => {
      const select = this.form.elements[name];
      for (const value of values) select.append(element("option", { value }, value));
      select.closest("label").hidden = values.length < 2;
    };
    const present = (key) => [...new Set(listings.map((listing) => listing[key]).filter(Boolean))].sort();
    options("split", ["test", "val", "train"].filter((split) => listings.some((listing) => listing.split === split)));
    options("shop", present("source"));
    const sizes = this.base.map((group) => group.listings.length);
    for (const [label, [low, high]] of Object.entries(SIZES)) {
      if (sizes.some((size) => size >= low && size <= high)) this.form.elements.size.append(element("option", { value: label }, label === "1" ? "1 (no match)" : label));
    }
  }

  /** Take filters from the address, as in #products?doubt=weak. */
  readAddress() {
    const { name, values } = sections.read();
    if (name === "products") for (const [key, value] of values) if (this.form.elements[key]) this.form.elements[key].value = value;
  }

  listen() {
    let typing = 0;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", (event) => {
      clearTimeout(typing);
      typing = setTimeout(() => { this.current = { listing: null }; this.show(); }, event.target.name === "words" ? 80 : 0);
    });
    addEventListener("hashchange", () => { if (this.groups && sections.read().values.size) { this.readAddress(); this.show(); } });
    addEventListener("resize", () => { if (this.groups && this.list.place.clientWidth && this.list.place.clientWidth !== this.packedWidth) this.show(true); });
    this.place.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const { action } = button.dataset;
      const listing = Number(button.dataset.listing);
      const group = button.closest(".product")?.group;
      if (button.classList.contains("select")) this.select(listing);
      else if (action === "undo") this.undo();
      else if (action === "csv") downloadCsv("products.csv", this.table());
      else if (action === "excel") downloadExcel("products.xlsx", this.table());
      else if (action === "annotations") this.source.download();
      else if (group) { this.current = { listing: group.listings[0] }; this.act(action, group, [listing]); }
    });
    this.place.addEventListener("focusin", (event) => {
      const card = event.target.closest(".select");
      if (card) this.current = { listing: Number(card.dataset.listing) };
    });
    document.addEventListener("keydown", (event) => this.key(event));
  }

  select(listing) {
    if (!this.selected.delete(listing)) this.selected.add(listing);
    this.place.querySelector(`.select[data-listing="${listing}"]`)?.setAttribute("aria-pressed", this.selected.has(listing));
  }

  key(event) {
    if (!this.groups || !this.list.place.offsetParent || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const { listing } = this.current;
    const group = listing === null ? null : this.groupOf.get(listing);
    const chosen = group ? group.listings.filter((member) => this.selected.has(member)) : [];
    const onButton = event.target.closest("button:not(.select), a");
    const actions = {
      "/": () => this.form.elements.words.focus(),
      j: () => this.move(1), ArrowDown: () => this.move(1), k: () => this.move(-1), ArrowUp: () => this.move(-1),
      ArrowRight: () => this.moveInGroup(1), ArrowLeft: () => this.moveInGroup(-1),
      u: () => this.undo(),
      ...(group && {
        c: () => this.act("confirm", group), s: () => this.act("split", group), m: () => this.act("merge", group),
        x: () => this.act("remove", group, chosen.length ? chosen : [listing]),
        ...(!onButton && { " ": () => this.select(listing), Enter: () => this.explain(group, listing) }),
      }),
    };
    if (Object.hasOwn(actions, key)) { event.preventDefault(); actions[key](); }
  }

  move(step) {
    const group = this.current.listing === null ? null : this.groupOf.get(this.current.listing);
    const place = this.shown.indexOf(group);
    const next = this.shown[place < 0 ? (step > 0 ? 0 : this.shown.length - 1) : place + step];
    if (next) { this.current = { listing: next.listings[0] }; this.list.scrollTo(this.rowOf.get(next)); this.focusCurrent(); }
  }

  moveInGroup(step) {
    const { listing } = this.current;
    if (listing === null) { this.move(1); return; }
    const { listings } = this.groupOf.get(listing);
    const next = listings[listings.indexOf(listing) + step];
    if (next !== undefined) { this.current = { listing: next }; this.focusCurrent(); }
  }

  focusCurrent() {
    if (this.current.listing === null) return;
    const group = this.groupOf.get(this.current.listing);
    if (!this.rowOf.has(group)) return;
    const listing = group.listings.includes(this.current.listing) ? this.current.listing : group.listings[0];
    const select = `.select[data-listing="${listing}"]`;
    const product = this.place.querySelector(`.product[data-name="${group.name}"]`);
    if (!product?.querySelector(select)) product?.querySelector(".product-listings").fill?.();
    product?.querySelector(select)?.focus({ preventScroll: true });
  }

  /** Show a listing beside the one at the centre of its group, with what speaks for and against one product. */
  async explain(group, listing) {
    const other = listing === group.listings[0] ? group.listings[1] : group.listings[0];
    if (other === undefined) return;
    const side = (number) => {
      const { id, title, source, price } = this.source.listing(number);
      return element("div", { className: "side" }, element("span", { className: "picture" }, listingPicture(this, number, true)),
        element("p", { className: "title", dir: "auto" }, title || "no title"),
        element("p", { className: "id" }, [source, price, id].filter(Boolean).join(" · ")));
    };
    const texts = group.contradictions.filter(([a, b]) => (a === listing && b === other) || (a === other && b === listing)).map(([, , text]) => text);
    const close = element("button", { type: "button", className: "close", "aria-label": "close" }, "✕");
    const dialog = document.getElementById("evidence");
    close.addEventListener("click", () => dialog.close());
    const why = element("div", {});
    dialog.replaceChildren(close, element("h2", {}, `Two listings of product ${group.name}`),
      element("div", { className: "sides" }, side(other), side(listing)),
      texts.length ? element("p", {}, "They contradict each other: ", texts.map((text) => element("span", { className: "chip" }, text))) : "", why);
    dialog.addEventListener("close", () => this.focusCurrent(), { once: true });
    dialog.showModal();
    try { why.replaceChildren(...[await this.source.explain(other, listing)].filter(Boolean)); } catch (error) { why.textContent = error.message; }
  }
}
