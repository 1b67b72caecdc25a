// Copies the text of a field; without script it can be selected and copied by hand.
const reveal = () => document.querySelectorAll("[data-copy][hidden]").forEach((button) => button.removeAttribute("hidden"));
if (navigator.clipboard) {
  reveal();
  new MutationObserver(reveal).observe(document.body, { childList: true, subtree: true });
  document.addEventListener("click", async (event) => {
    const id = event.target.closest?.("[data-copy]")?.dataset.copy;
    if (!id) return;
    const field = document.getElementById(id);
    const told = document.querySelector(`[data-copied="${id}"]`);
    try {
      await navigator.clipboard.writeText(field.value);
      told.textContent = "Copied. Paste it into the record.";
    } catch {
      field.focus();
      field.select();
      told.textContent = "The text is selected: copy it with Ctrl and C.";
    }
  });
}
