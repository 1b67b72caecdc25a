// Copies a piece of code; without script it can be selected and copied by hand.
const SAID = "Copied";
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copies]")) {
    button.hidden = false;
    const [label] = button.childNodes;
    const words = label.data;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
      label.data = SAID;
      setTimeout(() => { label.data = words; }, 2000);
    });
  }
}
