// Light, dark, or as the system is set; the choice is stored if the browser allows it to a file.
"use strict";
(() => {
  const modes = { auto: "◐<span> auto</span>", light: "☀<span> light</span>", dark: "☾<span> dark</span>" };
  let mode = "auto";
  try { mode = localStorage.getItem("samesku-theme") || "auto"; } catch { /* no storage for files */ }
  const apply = () => {
    if (mode === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = mode;
    const button = document.getElementById("theme");
    if (button) button.innerHTML = modes[mode];
    document.dispatchEvent(new Event("themechange"));
  };
  if (!Object.hasOwn(modes, mode)) mode = "auto";
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      const names = Object.keys(modes);
      mode = names[(names.indexOf(mode) + 1) % names.length];
      try { localStorage.setItem("samesku-theme", mode); } catch { /* no storage for files */ }
      apply();
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
})();
