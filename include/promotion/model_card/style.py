"""Define the card's CSS, for narrow and wide screens, light and dark."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2530; --soft: #56616e; --line: #d9dfe6; --head: #f3f6f9; --link: #0b5fa5;
  --passed: #006d4f; --failed: #b23500; --inconclusive: #7a5f00; --informational: #5c6670;
  --passed-back: #e4f4ee; --failed-back: #fdeae1; --inconclusive-back: #faf2d6; --informational-back: #eef1f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14191f; --ink: #e4e9ee; --soft: #a2adb8; --line: #333d48; --head: #1d242c; --link: #7db8ee;
    --passed: #6fd6b0; --failed: #ff9d73; --inconclusive: #e6c964; --informational: #b0bac4;
    --passed-back: #12352a; --failed-back: #43200f; --inconclusive-back: #3a3110; --informational-back: #262e37;
  }
  img { filter: brightness(.92); }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 78rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
}
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: 0; padding: 0; list-style: none; font-size: .9rem; }
nav a { color: var(--link); text-decoration: none; }
nav a:hover, nav a:focus { text-decoration: underline; }
main { min-width: 0; }
h1 { margin: .2rem 0 .6rem; font-size: 1.8rem; line-height: 1.2; }
h2 { margin: 2.4rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); font-size: 1.3rem; }
h3 { margin: 1.4rem 0 .3rem; font-size: 1.05rem; }
h2, h3 { scroll-margin-top: .5rem; }
p, ul { max-width: 52rem; margin: .5rem 0; }
p:has(> img) { max-width: none; }
ul { padding-left: 1.3rem; }
li { margin: .25rem 0; }
blockquote {
  max-width: 52rem; margin: 1rem 0; padding: .5rem 1rem;
  border-left: 4px solid var(--inconclusive); background: var(--inconclusive-back);
}
code {
  padding: .05em .3em; border-radius: 3px; background: var(--head); overflow-wrap: anywhere;
  font: .88em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
.table { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { background: var(--head); font-weight: 600; vertical-align: bottom; }
td { min-width: 4rem; overflow-wrap: anywhere; }
th, td[style] { white-space: nowrap; }
td.passed, td.failed, td.inconclusive, td.informational { white-space: nowrap; font-weight: 600; }
td.passed { color: var(--passed); background: var(--passed-back); }
td.failed { color: var(--failed); background: var(--failed-back); }
td.inconclusive { color: var(--inconclusive); background: var(--inconclusive-back); }
td.informational { color: var(--informational); background: var(--informational-back); }
img { max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: 4px; background: #ffffff; }
@media (min-width: 64rem) {
  body { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 2.5rem; }
  nav { position: sticky; top: 1.5rem; align-self: start; }
  nav ul { flex-direction: column; }
}
@media print {
  nav { display: none; }
  body { display: block; max-width: none; padding: 0; font-size: 11pt; }
  tr, img { break-inside: avoid; }
}
"""
