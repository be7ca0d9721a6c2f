// Open links that lead out of the page (`data-out`).
"use strict";
(() => {
  // Airflow shows the page in a sandboxed frame that cannot open windows or navigate away; the outer document can.
  // Airflow's own pages replace this one; others open in a new window.
  const open = (event) => {
    const link = event.target.closest("a[data-out]");
    if (!link || event.defaultPrevented || (event.type === "auxclick" && event.button !== 1)) return;
    const inside = new URL(link.href).origin === window.location.origin;
    const apart = !inside || event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
    let page = document;
    try {
      page = window.parent.document;
    } catch {
      // framed by another origin: the link opens within this frame
    }
    event.preventDefault();
    const outer = page.createElement("a");
    outer.href = link.href;
    if (apart) outer.target = "_blank";
    outer.rel = "noopener";
    page.body.append(outer);
    outer.click();
    outer.remove();
  };
  document.addEventListener("click", open);
  document.addEventListener("auxclick", open);
})();
