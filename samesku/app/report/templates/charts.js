// Draws the charts in the colours of the page, and again when the theme changes.
"use strict";
(() => {
  const charts = new Map(JSON.parse(document.getElementById("chart-data").textContent).map((chart) => [chart.id, chart]));
  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const coloured = (node) => {
    if (typeof node === "string") return /^\$[a-z]+$/.test(node) ? colour(node.slice(1)) : node;
    if (Array.isArray(node)) return node.map(coloured);
    if (node && typeof node === "object") return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, coloured(value)]));
    return node;
  };
  const config = () => {
    const [text, muted, line] = [colour("text"), colour("muted"), colour("line")];
    const font = getComputedStyle(document.body).fontFamily;
    return {
      background: "transparent", font, view: { stroke: null },
      axis: { labelColor: muted, titleColor: muted, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12, tickCount: 6 },
      legend: { labelColor: text, orient: "top", symbolType: "circle", labelFontSize: 12, padding: 0, offset: 6 },
    };
  };
  /** Run Vega, which takes a tenth of a second, when the first chart is drawn. */
  const loadVega = () => {
    if (typeof vegaEmbed === "undefined") document.head.append(element("script", { textContent: document.getElementById("vega").textContent }));
  };
  const drawn = new Map();
  const draw = async (place) => {
    const chart = charts.get(place.dataset.chart);
    const spec = { $schema: "https://vega.github.io/schema/vega-lite/v6.json", width: "container", height: 240, autosize: { type: "fit-x", contains: "padding" }, ...coloured(chart.spec) };
    drawn.get(place)?.finalize?.();
    drawn.set(place, {});
    const dark = colour("is-dark") === "rgb(255, 255, 255)";
    drawn.set(place, await vegaEmbed(place, spec, { actions: false, renderer: "svg", config: config(), tooltip: { theme: dark ? "dark" : "light" } }));
  };
  // All charts are drawn when their section is shown, so that a full-page capture and a print have them.
  sections.onShow((name) => {
    if (name !== "charts") return;
    loadVega();
    for (const place of document.querySelectorAll(".plot")) if (!drawn.has(place)) draw(place);
  });
  document.addEventListener("themechange", () => { for (const place of [...drawn.keys()]) draw(place); });
})();
