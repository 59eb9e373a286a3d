// Which section of the page is shown: that of the address, as in #products or #queries?view=missed.
"use strict";

const sections = {
  listeners: [],
  names: [...document.querySelectorAll("main > section")].map((section) => section.id),
  /** The name of the shown section, and the values behind the question mark. */
  read() {
    const [name, values = ""] = location.hash.slice(1).split("?");
    return { name: this.names.includes(name) ? name : this.names[0], values: new URLSearchParams(values) };
  },
  /** Call `listener(name)` now and whenever another section is shown. */
  onShow(listener) { this.listeners.push(listener); listener(this.read().name); },
  show() {
    const { name } = this.read();
    const changed = name !== this.shown;
    this.shown = name;
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
    for (const link of document.querySelectorAll(".page-header nav a")) {
      if (link.hash === `#${name}`) { link.setAttribute("aria-current", "page"); link.scrollIntoView({ inline: "nearest", block: "nearest" }); }
      else link.removeAttribute("aria-current");
    }
    if (!changed) return;
    scrollTo(0, 0);
    for (const listener of this.listeners) listener(name);
  },
};
/** Name the ends of the bar of links behind which there are more: the style fades them. */
function markHiddenLinks() {
  const bar = document.querySelector(".page-header nav");
  const { scrollLeft, scrollWidth, clientWidth } = bar;
  bar.dataset.more = [scrollLeft > 1 && "left", scrollLeft + clientWidth < scrollWidth - 1 && "right"].filter(Boolean).join(" ");
}
document.querySelector(".page-header nav").addEventListener("scroll", markHiddenLinks, { passive: true });
addEventListener("resize", markHiddenLinks);
addEventListener("hashchange", () => sections.show());
sections.show();
markHiddenLinks();
