// A list of rows of one height, of which only those near the window are in the page.
"use strict";

class VirtualList {
  /**
   * Args: place: the element of the list. makeRow(i): the element of row i. rowHeight(): in pixels.
   */
  constructor(place, makeRow, rowHeight) {
    Object.assign(this, { place, makeRow, rowHeight, count: 0, rows: new Map(), waiting: false });
    place.classList.add("virtual-list");
    const update = () => {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => { this.waiting = false; this.update(); });
    };
    addEventListener("scroll", update, { passive: true });
    addEventListener("resize", update);
  }

  /** Show `count` rows, all made anew. */
  show(count) {
    this.count = count;
    this.rows.clear();
    this.place.replaceChildren();
    this.place.style.setProperty("height", `${count * this.rowHeight()}px`);
    this.update();
  }

  /** Make the rows that came near the window, and drop those that left it. */
  update() {
    if (!this.place.offsetParent) return; // hidden
    const height = this.rowHeight();
    const top = -this.place.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((top - innerHeight / 2) / height));
    const last = Math.min(this.count - 1, Math.ceil((top + 1.5 * innerHeight) / height));
    for (const [i, row] of this.rows) if (i < first || i > last) { row.remove(); this.rows.delete(i); }
    for (let i = first; i <= last; i += 1) {
      if (this.rows.has(i)) continue;
      const row = this.makeRow(i);
      row.style.setProperty("transform", `translateY(${i * height}px)`);
      row.style.setProperty("height", `${height}px`);
      const next = [...this.rows.keys()].filter((j) => j > i).sort((a, b) => a - b)[0];
      this.place.insertBefore(row, next === undefined ? null : this.rows.get(next)); // so that Tab follows the order
      this.rows.set(i, row);
    }
  }

  /** Bring a row into the window. */
  scrollTo(i, margin = 150) {
    const height = this.rowHeight();
    const top = this.place.getBoundingClientRect().top + i * height;
    if (top < margin) scrollBy({ top: top - margin, behavior: "instant" });
    else if (top + height > innerHeight) scrollBy({ top: Math.min(top - margin, top + height - innerHeight + 12), behavior: "instant" });
    this.update();
  }
}
