// Copies a piece of code, and shows all samples in the language that was chosen last; without script both languages
// stand there, and code can be selected and copied by hand.
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

const KEPT = "language-of-samples";
const buttons = [...document.querySelectorAll("[data-language]")];
const show = (language) => {
  document.documentElement.dataset.shown = language;
  for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.language === language));
};
if (buttons.length) {
  let kept = null;
  try { kept = localStorage.getItem(KEPT); } catch { /* a browser that keeps nothing */ }
  show(kept === "python" ? kept : "curl");
  for (const one of document.querySelectorAll(".app-sample__languages")) one.hidden = false;
  for (const one of buttons) {
    one.addEventListener("click", () => {
      const before = one.getBoundingClientRect().top;
      show(one.dataset.language);
      window.scrollBy(0, one.getBoundingClientRect().top - before); // samples above have another height now
      try { localStorage.setItem(KEPT, one.dataset.language); } catch { /* as above */ }
    });
  }
}
