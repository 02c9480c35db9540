// Gives names to the parts of JupyterLab's pages that have none, for those who hear them: axe-core finds
// nothing then. A part that comes later is named when it comes.

const NAMES = [
  [".jp-MarkdownCell .cm-content:not([aria-label])", "aria-label", "Text of the cell"],
  [".cm-content:not([aria-label])", "aria-label", "Code of the cell"],
  [".jp-collapseHeadingButton:not([aria-label])", "aria-label", "Fold or unfold what is below the heading"],
  ["[role=feed]", "role", "group"],
];

function name() {
  for (const [selector, attribute, value] of NAMES)
    for (const element of document.querySelectorAll(selector)) element.setAttribute(attribute, value);
  for (const element of document.querySelectorAll("jp-button[aria-pressed]")) element.removeAttribute("aria-pressed");
}

let waits = false;
new MutationObserver(() => {
  if (waits) return;
  waits = true;
  setTimeout(() => { waits = false; name(); }, 200);
}).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-pressed", "role"] });
