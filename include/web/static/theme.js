// Follow Airflow's light or dark theme; outside Airflow's frame, the system's. Runs before the first paint, and again
// when the theme changes.
"use strict";
(() => {
  const outer = () => {
    try {
      return window.parent === window ? null : window.parent.document.documentElement;
    } catch {
      return null; // framed by another origin: its theme cannot be read
    }
  };
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const themeOf = (root) => {
    for (const name of ["dark", "light"]) {
      if (root.classList.contains(name) || root.dataset.theme === name) return name;
    }
    return null;
  };
  const apply = () => {
    const root = outer();
    const theme = (root && themeOf(root)) || (system.matches ? "dark" : "light");
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("theme"));
  };
  apply();
  system.addEventListener("change", apply);
  const root = outer();
  if (root) new MutationObserver(apply).observe(root, { attributes: true, attributeFilter: ["class", "data-theme"] });
})();
