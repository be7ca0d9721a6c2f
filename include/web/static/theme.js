// Light or dark, as Airflow's own switch has it; outside of Airflow's frame, as the system has it. Runs before anything
// is painted, and again whenever the switch is turned.
"use strict";
(() => {
  const outer = () => {
    try {
      return window.parent === window ? null : window.parent.document.documentElement;
    } catch {
      return null; // framed by another origin: its switch is not ours to read
    }
  };
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const told = (root) => {
    for (const name of ["dark", "light"]) {
      if (root.classList.contains(name) || root.dataset.theme === name) return name;
    }
    return null;
  };
  const apply = () => {
    const root = outer();
    const theme = (root && told(root)) || (system.matches ? "dark" : "light");
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("theme"));
  };
  apply();
  system.addEventListener("change", apply);
  const root = outer();
  if (root) new MutationObserver(apply).observe(root, { attributes: true, attributeFilter: ["class", "data-theme"] });
})();
