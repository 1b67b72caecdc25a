// Keeps #live up to date: told by a stream, else by asking.
const find = (id) => document.getElementById(id), live = find("live"), status = find("live-status"), path = live.dataset.live;
let shown = live.dataset.version, wanted = shown, good = Date.now(), heard = good, asked = good, busy;

const clock = () => new Date(good).toLocaleTimeString("en-GB", { timeStyle: "short", timeZone: "Europe/London" });
const all = (what) => [...live.querySelectorAll(what)];
const writes = () => all("textarea:not([readonly])").some((one) => one.value || one === document.activeElement);
function say(text, late) {
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("app-late", !!late);
}
function nameOf(one) { // to find it when drawn anew
  const home = one.closest("[id]");
  return home.id + one.tagName + [...home.querySelectorAll(one.tagName)].indexOf(one);
}
function draw(html) {
  const focus = document.activeElement, name = live.contains(focus) && nameOf(focus);
  const opened = new Map(all("details").map((one) => [nameOf(one), one.open]));
  const copied = new Map(all("[data-copied]").map((one) => [one.dataset.copied, one.textContent]));
  live.innerHTML = html;
  for (const one of all("[data-copied]")) one.textContent = copied.get(one.dataset.copied) ?? "";
  for (const one of all("details")) one.open = opened.get(nameOf(one)) ?? one.open;
  if (name) all(focus.tagName).find((one) => nameOf(one) === name)?.focus({ preventScroll: true });
}
function end() {
  stream.close();
  clearInterval(timer);
  say("Your session has ended. Open social prescribing again from the record.", true);
  if (!writes()) location.reload();
}
async function get(page) {
  const answer = await fetch(path + page, { signal: AbortSignal.timeout(4e3) });
  if (answer.ok) return answer;
  if (/40[13]/.test(answer.status)) end();
  throw answer;
}
async function renew() {
  if (busy) return;
  if (writes()) return say("There is something new: it is shown once your text is sent or cleared.");
  busy = true;
  const before = wanted;
  try {
    const answer = await get("/live"), html = await answer.text();
    if (writes()) return;
    draw(html);
    shown = answer.headers.get("ETag").slice(1, -1);
    if (wanted === before) wanted = shown;
    good = Date.now();
    say(`Updated at ${clock()}`);
  } catch {} finally { busy = false; }
}
function hear(version) {
  heard = Date.now();
  wanted = version;
  if (wanted !== shown) return renew();
  good = heard;
  live.querySelector("time[data-age]").textContent = clock();
  if (status.matches(".app-late")) say(`Up to date at ${clock()}`);
}
function tick() {
  const at = Date.now();
  if (wanted !== shown) renew();
  if (at - heard > 8e3 && at - asked > 4e3) {
    asked = at;
    get("/state").then((answer) => answer.json()).then((state) => hear(state.version), () => {});
  }
  if (at - (writes() ? heard : good) > 15e3) say(`Not up to date since ${clock()}, check your connection`, true);
}

const stream = new EventSource(`${path}/events?seen=${shown}`);
const acts = { changed: hear, alive: hear, over: end, elsewhere: () => stream.close() };
for (const name in acts) stream.addEventListener(name, (event) => acts[name](event.data));
const timer = setInterval(tick, 1e3);
