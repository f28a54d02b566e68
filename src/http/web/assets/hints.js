// Hints beside what they are about, while it is pointed at or has the focus; Escape puts them away.

let shown;

function hide() {
  if (shown?.matches(":popover-open")) shown.hidePopover();
  shown = undefined;
}

/** @param {Event} event */
function show({ target }) {
  const about = target.closest?.("[data-hint]");
  const hint = about && document.getElementById(about.dataset.hint);
  if (hint === shown) return;
  hide();
  if (!hint) return;
  shown = hint;
  hint.showPopover();
  const at = about.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, innerWidth - hint.offsetWidth - 8));
  const below = at.bottom + 4;
  const top = below + hint.offsetHeight < innerHeight ? below : Math.max(8, at.top - hint.offsetHeight - 4);
  Object.assign(hint.style, { left: `${left}px`, top: `${top}px` });
}

document.addEventListener("focusin", show);
document.addEventListener("mouseover", show);
document.addEventListener("focusout", hide);
document.addEventListener("scroll", hide, true);
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
