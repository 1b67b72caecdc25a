// The referral form with script: type-ahead, a draft that is saved as one writes, and how long it takes.
// Without it the form works all the same: the draft is saved by its buttons.

const form = document.getElementById("refer");
const saved = document.getElementById("saved");
const crisis = document.getElementById("crisis");
const PAUSE = 60_000; // ms: who does nothing for longer is doing something else
const WAIT = 1_500; // ms after the last change

// Choosing a reason by its first letters, or by a word of what it means. What is typed and fits nothing is no answer.
const reason = document.querySelector("[data-type-ahead]");
if (reason && window.accessibleAutocomplete) {
  const options = [...reason.options].filter((one) => one.value);
  const named = (text) => options.find((one) => one.text === text);
  const words = (text) => text.toLowerCase().split(/[^a-z0-9]+/).filter(Boolean);
  const fits = (option, sought) => {
    const known = words(`${option.text} ${option.dataset.help ?? ""} ${option.dataset.words ?? ""}`);
    return words(sought).every((one) => known.some((word) => word.startsWith(one)));
  };
  const escape = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  window.accessibleAutocomplete.enhanceSelectElement({
    selectElement: reason,
    defaultValue: reason.selectedOptions[0]?.value ? reason.selectedOptions[0].text : "",
    showAllValues: true,
    autoselect: true,
    confirmOnBlur: true,
    dropdownArrow: () => '<svg class="app-arrow" viewBox="0 0 20 12" aria-hidden="true" focusable="false"><path d="M0 0h20L10 12z"/></svg>',
    source: (sought, give) => give(options.filter((one) => fits(one, sought)).map((one) => one.text)),
    templates: {
      inputValue: (text) => text ?? "",
      suggestion: (text) => `${escape(text)}<span class="app-help">${escape(named(text)?.dataset.help ?? "")}</span>`,
    },
    onConfirm: (text) => {
      const chosen = named(text);
      if (!chosen) return;
      reason.value = chosen.value;
      changed();
    },
    tNoResults: () => "Nothing fits. Try another word, or choose from the whole list.",
    tStatusQueryTooShort: () => "Type a letter to search",
  });
  const input = document.getElementById("reason");
  input.addEventListener("input", () => (reason.value = ""));
  for (const event of ["focus", "click"]) input.addEventListener(event, () => reason.value && input.select()); // to type over it
}

// NHS.UK frontend tells of a radio whether it is expanded, which ARIA does not know; what it reveals is read next anyway.
const plain = () => form.querySelectorAll("[type=radio][aria-expanded]").forEach((one) => one.removeAttribute("aria-expanded"));
new MutationObserver(plain).observe(form, { attributeFilter: ["aria-expanded"], subtree: true });
plain();

// How long the writing takes: time spent at the form, not time that it lies open.
const use = Object.fromEntries(["seconds", "interactions", "keystrokes"].map((name) => [name, Number(form.elements[name].value) || 0]));
let last = performance.now();
let field = null;

function attend() {
  const now = performance.now();
  use.seconds += Math.min(now - last, PAUSE) / 1000;
  last = now;
}

function tell() {
  attend();
  for (const [name, value] of Object.entries(use)) form.elements[name].value = Math.round(value);
}

form.addEventListener("keydown", (event) => {
  attend();
  if (event.key.length === 1 || event.key === "Backspace") use.keystrokes += 1;
});
form.addEventListener("click", (event) => {
  attend();
  if (event.target.closest("input[type=radio], input[type=checkbox], button, summary, [role=option]")) use.interactions += 1;
});
form.addEventListener("input", (event) => {
  // A field that one writes in counts once, however much is written.
  if (event.target !== field && event.target.matches("textarea, input:not([type=radio]):not([type=checkbox])")) use.interactions += 1;
  field = event.target;
});

// The draft.
let timer = null;
let unsaved = false;

function changed() {
  unsaved = true;
  clearTimeout(timer);
  timer = setTimeout(save, WAIT);
}

const OVER = "Nothing more is saved here: copy what you wrote last, then open social prescribing again from the record.";
const LOST = "The draft could not be saved. What you wrote is still on this page: check your connection, then go on.";

function say(text, late) {
  saved.textContent = text;
  saved.classList.toggle("app-late", late);
}

// Whether the server has it, or has refused it, which the next page tells.
async function save() {
  clearTimeout(timer);
  tell();
  unsaved = false;
  let answer, text;
  try {
    answer = await fetch(form.dataset.draft, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    text = await answer.text();
    const told = JSON.parse(text);
    say(told.sent ? "This referral was sent." : `Draft saved ${told.saved}`, false);
    if (told.urgent && crisis.hidden) field?.closest(".nhsuk-form-group")?.after(crisis); // where one looks
    crisis.hidden = !told.urgent;
    return true;
  } catch {
    unsaved = true;
    const over = [401, 403].includes(answer?.status);
    const why = over && new DOMParser().parseFromString(text, "text/html").querySelector("h1")?.textContent;
    say(over ? `${why ?? "Your session is over"}. ${OVER}` : LOST, true);
    if (!over) timer = setTimeout(save, 10 * WAIT);
    return answer?.status < 500 && !over;
  }
}

form.addEventListener("input", changed);
form.addEventListener("change", changed);
// Going on takes the page away, so what is on it must be safe first.
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await save()) form.submit();
});
addEventListener("pagehide", () => {
  if (!unsaved) return;
  tell();
  navigator.sendBeacon(form.dataset.draft, new URLSearchParams(new FormData(form)));
});
// A page that the browser's back button brings from its memory may be of a referral that was sent meanwhile.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
