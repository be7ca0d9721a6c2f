// Keep the address of the page in that of a DAG's tab, so that a link to the tab shows the same. Airflow itself does so
// for the page in its navigation. Runs before the first paint.
"use strict";
(() => {
  const NAME = "airworthy";
  let outer;
  try {
    outer = window.parent === window ? null : window.parent.location;
    if (!outer || !/\/dags\/[^/]+\/plugin\/airworthy_dag\/?$/.test(outer.pathname)) return;
  } catch {
    return; // framed by another origin: its address cannot be read
  }
  const root = new URL(document.documentElement.dataset.base + "/", window.location.origin);
  const here = (window.location.pathname + window.location.search).slice(root.pathname.length);
  const asked = new URLSearchParams(outer.search).get(NAME);
  const isPlain = /^dag\/[^/?]+$/.test(here);
  const isFirst = !window.frameElement.dataset[NAME]; // Airflow makes a new frame when the tab is opened
  window.frameElement.dataset[NAME] = "seen";
  if (asked && isFirst && isPlain) {
    const wanted = new URL(asked, root);
    if (wanted.origin === root.origin && wanted.pathname.startsWith(root.pathname) && wanted.href !== window.location.href) {
      window.location.replace(wanted.href);
      return;
    }
  }
  const shown = new URL(outer.href);
  if (isPlain) shown.searchParams.delete(NAME);
  else shown.searchParams.set(NAME, here);
  window.parent.history.replaceState(window.parent.history.state, "", shown);
})();
