// What pages can do beyond plain HTML. One module, no dependency but htmx's events; no inline script anywhere. Every
// page works without it. Attributes in the templates say what is wanted:
//   <copy-button value|for>      copies, also on plain-http addresses of a LAN
//   <time-ago datetime format>   "3 min. ago"; format "clock" is 18:35, "left" is "18 h left"
//   #dialog                      whatever htmx puts into it opens over the page
//   data-shortcut="c"            a key that clicks, or goes into a field; data-go="k" after g; data-row for j and k
//   data-live="keys"             a region that fetches itself anew when the stream says that its topic changed
//   data-confirm                 a form that asks once more before it is sent
//   data-optimistic="#thread"    a form whose message is in the thread before the server has it
//   data-composer                a form for messages; data-quote a link that quotes one, data-drop="id" leaves out

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const dialog = $("#dialog");

// Toasts ------------------------------------------------------------------------------------------------------------

function toast(text, tone = "ok") {
  const shown = Object.assign(document.createElement("p"), { className: `toast ${tone}`, textContent: text });
  const box = $("#toasts");
  (dialog?.open ? dialog : document.body).append(box); // above the dialog's backdrop
  box.append(shown);
  fade(shown);
}

function fade(shown) {
  setTimeout(() => shown.remove(), 2200 + shown.textContent.length * 45);
}

document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.tone));
document.addEventListener("htmx:error", () => toast("The server cannot be reached. Try again.", "bad"));
document.addEventListener("htmx:response:error", (event) => {
  const { status, headers } = event.detail.ctx.response;
  if (status !== 422 && !headers.get("HX-Trigger")) toast("The server could not do this. Try again.", "bad");
});
$$("#toasts .toast").forEach(fade);

// Dialogs: Escape and the focus trap are the browser's ----------------------------------------------------------------

let opener = null;

function openDialog() {
  if (!dialog?.firstElementChild || dialog.open) return;
  opener = document.activeElement;
  dialog.showModal();
}

function showInDialog(template) {
  dialog.replaceChildren(template.content.cloneNode(true));
  openDialog();
}

dialog?.addEventListener("close", () => {
  document.body.append($("#toasts"));
  dialog.replaceChildren();
  if (opener?.isConnected) opener.focus();
});
dialog?.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  event.preventDefault();
  dialog.close();
});
document.addEventListener("htmx:after:swap", () => {
  openDialog();
  const inside = dialog?.open && (dialog.querySelector("[aria-invalid=true]") ?? dialog.querySelector("[autofocus]"));
  if (inside) inside.focus();
});

// A form that asks once more
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed || !dialog) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const parts = new Map(Object.entries({ title: form.dataset.confirmTitle, says: form.dataset.confirm, button: form.dataset.confirmButton }));
  showInDialog($("#confirm"));
  for (const [name, text] of parts) $(`[data-slot=${name}]`, dialog).textContent = text;
  const button = $("[data-slot=button]", dialog);
  button.classList.add(form.dataset.confirmKind || "danger");
  button.focus();
  button.addEventListener("click", () => {
    dialog.close();
    form.dataset.confirmed = "yes";
    form.requestSubmit(event.submitter);
    delete form.dataset.confirmed;
  });
}, true);

// Elements ------------------------------------------------------------------------------------------------------------

customElements.define("copy-button", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this);
  }

  async handleEvent() {
    const text = this.getAttribute("value") ?? document.getElementById(this.getAttribute("for")).textContent;
    const copied = await copy(text);
    toast(copied ? "Copied" : "Copying is not allowed here: select the text instead.", copied ? "ok" : "bad");
    this.classList.toggle("done", copied);
    setTimeout(() => this.classList.remove("done"), 1600);
  }
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // plain http on a LAN address has no clipboard interface
    const before = document.activeElement;
    const area = Object.assign(document.createElement("textarea"), { value: text });
    (dialog?.open ? dialog : document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    before?.focus?.();
    return done;
  }
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const STEPS = [[86400, "day"], [3600, "hour"], [60, "minute"]];
const WORDS = {
  ago(moment) {
    const seconds = (moment - Date.now()) / 1000;
    for (const [span, unit] of STEPS) if (Math.abs(seconds) >= span) return relative.format(Math.round(seconds / span), unit);
    return Math.abs(seconds) < 5 ? "just now" : relative.format(Math.round(seconds), "second");
  },
  left(moment) {
    const minutes = Math.floor((moment - Date.now()) / 60000);
    if (minutes < 0) return "over";
    return minutes >= 120 ? `${Math.floor(minutes / 60)} h left` : `${minutes} min left`;
  },
  day(moment) {
    const days = Math.round((new Date().setUTCHours(0, 0, 0, 0) - moment) / 86400000);
    if (days < 2) return relative.format(-days, "day").replace(/^./, (letter) => letter.toUpperCase());
    return moment.toLocaleDateString([], { timeZone: "UTC", weekday: "short", day: "numeric", month: "short", year: "numeric" });
  },
  clock: (moment) => moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
};

customElements.define("time-ago", class extends HTMLElement {
  static observedAttributes = ["datetime"];
  connectedCallback() { this.tell(); }
  attributeChangedCallback() { if (this.isConnected) this.tell(); }

  tell() {
    const moment = new Date(this.getAttribute("datetime"));
    if (Number.isNaN(moment.getTime())) return;
    const text = WORDS[this.getAttribute("format") ?? "ago"](moment);
    if (this.textContent !== text) this.textContent = text;
    this.title = moment.toLocaleString();
  }
});
setInterval(() => { if (!document.hidden) $$("time-ago").forEach((one) => one.tell()); }, 5000);

// Live: one stream a page -----------------------------------------------------------------------------------------------
// Frames without a name carry <hx-partial>s, which htmx puts in place. Named ones are told here (dashboard/live.py):
//   live-<topic>  regions with it in data-live fetch themselves anew
//   badges        data: {"/app/…": 3}, the counts of the side bar
//   gone          the session is over, or the brand is no longer theirs

const dot = $("#live-dot");

function say(state, text) {
  if (!dot) return;
  dot.className = `live ${state}`;
  if (dot.lastElementChild.textContent !== text) dot.lastElementChild.textContent = text;
}

const TOLD = {
  live: () => say("on", "Live"),
  waiting: () => say("off", "Reconnecting"),
  gone: () => location.reload(),
  badges: (data) => Object.entries(JSON.parse(data)).forEach(([path, count]) => badge(path, count)),
};

function badge(path, count) {
  for (const one of $$("[data-badge]").filter((found) => found.dataset.badge === path)) {
    one.textContent = count < 100 ? count : "99+";
    one.hidden = !count;
  }
}

document.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 401) return location.reload(); // to the log-in
  say("off", "Reconnecting");
});
document.addEventListener("htmx:sse:close", () => say("", document.hidden ? "Paused" : "Not live"));
document.addEventListener("visibilitychange", () => { if (document.hidden && $("#live")) say("", "Paused"); });
document.addEventListener("htmx:sse:after:message", (event) => {
  const { event: name, data } = event.detail.message;
  if (!name) return flash(data);
  if (name.startsWith("live-")) {
    const topic = name.slice("live-".length);
    return $$("[data-live]").filter((region) => region.dataset.live.split(" ").includes(topic)).forEach(refresh);
  }
  TOLD[name]?.(data);
});

// A row that has just come or changed is lit for a moment
function flash(html) {
  for (const [, id] of html.matchAll(/<(?:tr|li)\b[^>]*\bid="([^"]+)"/g)) document.getElementById(id)?.classList.add("fresh");
}

// Never shift a list that is being read: held regions say that there is more, and show it when asked.
function refresh(region) {
  const held = region.dataset.hold !== undefined && (window.scrollY > 160 || region.contains(document.activeElement));
  if (held) {
    const more = document.querySelector(`[data-more="${region.id}"]`);
    if (more) more.hidden = false;
    return;
  }
  clearTimeout(region.waits);
  region.waits = setTimeout(() => window.htmx?.trigger(region, "fresh"), 250);
}

document.addEventListener("click", (event) => {
  const more = event.target.closest("[data-more]");
  if (!more) return;
  more.hidden = true;
  window.scrollTo({ top: 0 });
  window.htmx?.trigger(document.getElementById(more.dataset.more), "fresh");
});

// Threads -----------------------------------------------------------------------------------------------------------------

// At the end, unless the reader scrolled away from it
function follow(thread) {
  let near = true;
  const toEnd = () => { thread.scrollTop = thread.scrollHeight; };
  toEnd();
  thread.addEventListener("scroll", () => { near = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 100; });
  thread.addEventListener("load", () => near && toEnd(), true); // a picture takes its place late
  new MutationObserver(() => near && toEnd()).observe(thread, { childList: true, subtree: true });
}
$$(".thread").forEach(follow);

// The bubble is there at once. The server's copy carries the same client id and takes its place; when there is none, the
// text goes back into the field.
document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  const form = ctx.sourceElement;
  if (!form.matches?.("[data-optimistic]")) return;
  const text = form.elements.text.value.trim() || form.dataset.otherwise || "";
  const file = $("[name=media]", form); // what a composer may have beside the text
  if (!text && !file) return event.preventDefault();
  const id = Date.now().toString(36) + crypto.getRandomValues(new Uint32Array(2)).join("");
  const bubble = $("#pending-bubble").content.firstElementChild.cloneNode(true);
  bubble.id = `m-${id}`;
  bubble.dataset.seq = "9".repeat(18); // after everything the server has numbered
  bubble.classList.toggle("is-note", ctx.request.body.get("kind") === "note");
  $("p", bubble).textContent = text || file.parentElement.textContent;
  $(form.dataset.optimistic).append(bubble);
  ctx.request.body.set("client_id", id);
  ctx.request.body.set("text", text);
  ctx.pending = { id, text };
  form.reset();
});

// The stream may have told more of a message than the answer to its form knows: what it put there stays
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx, tasks } = event.detail;
  if (!ctx?.sourceElement?.matches?.("[data-optimistic]")) return;
  for (const { fragment } of tasks ?? []) {
    for (const bubble of fragment?.querySelectorAll(".bubble[id]") ?? []) {
      const there = document.getElementById(bubble.id);
      if (there && !there.classList.contains("is-sending")) bubble.remove();
    }
  }
});

function takeBack(event) {
  const form = event.detail.ctx?.sourceElement;
  if (!form?.matches?.("[data-optimistic]")) return;
  const { id, text } = event.detail.ctx.pending ?? {};
  const bubble = document.getElementById(`m-${id}`);
  if (!bubble) return;
  bubble.classList.replace("is-sending", "is-not_sent");
  $(".meta", bubble).textContent = "Not sent. Look at the message below and try again.";
  form.elements.text.value ||= text;
}
document.addEventListener("htmx:response:error", takeBack);
document.addEventListener("htmx:error", takeBack);

// Composers -----------------------------------------------------------------------------------------------------------------
// Enter sends, unless a word is still being composed; a slash at the beginning lists canned replies.

const composer = () => $("[data-composer]");

document.addEventListener("keydown", (event) => {
  const form = event.target.form;
  if (!form?.matches("[data-composer]") || event.isComposing || event.keyCode === 229) return;
  const list = $("[role=listbox]", form);
  if (list && !list.hidden && pick(event, form, list)) return event.preventDefault();
  if (event.key !== "Enter" || event.shiftKey || event.target.name !== "text") return;
  event.preventDefault();
  form.requestSubmit();
});

// The keys of an open list: true when one of them was pressed
function pick(event, form, list) {
  const shown = $$("[role=option]:not([hidden])", list);
  const at = shown.findIndex((one) => one.ariaSelected === "true");
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) choose(form, shown, (at + by + shown.length) % shown.length);
  else if (event.key === "Enter" || event.key === "Tab") insert(form, shown[Math.max(at, 0)]);
  else if (event.key === "Escape") { close(form, list); event.stopImmediatePropagation(); }
  else return false;
  return true;
}

function choose(form, shown, at) {
  shown.forEach((one, place) => { one.ariaSelected = String(place === at); });
  form.elements.text.setAttribute("aria-activedescendant", shown[at].id);
  shown[at].scrollIntoView({ block: "nearest" });
}

function insert(form, option) {
  form.elements.text.value = option.dataset.text;
  close(form, option.parentElement);
  form.elements.text.focus();
}

function close(form, list) {
  list.hidden = true;
  form.elements.text.removeAttribute("aria-activedescendant");
}

document.addEventListener("input", (event) => {
  const form = event.target.form;
  const list = form?.matches("[data-composer]") && $("[role=listbox]", form);
  if (!list) return;
  const word = /^\/([\w-]*)$/.exec(event.target.value)?.[1].toLowerCase();
  const options = $$("[role=option]", list);
  for (const one of options) one.hidden = !one.dataset.shortcutText.startsWith(word);
  const shown = word === undefined ? [] : options.filter((one) => !one.hidden);
  if (!shown.length) return close(form, list);
  list.hidden = false;
  choose(form, shown, 0);
});

document.addEventListener("click", (event) => {
  const option = event.target.closest("[data-composer] [role=option]");
  if (option) insert(composer(), option);
  const dropped = event.target.closest("[data-drop]");
  if (!dropped) return;
  document.getElementById(dropped.dataset.drop).replaceChildren();
  composer()?.elements.text.focus();
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-composer] [name=kind]")) composer().elements.text.focus();
});
document.addEventListener("paste", (event) => {
  const input = event.target.closest?.("[data-composer]") && $("[data-composer] [type=file]");
  if (!input || !event.clipboardData.files.length) return;
  event.preventDefault();
  input.files = event.clipboardData.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});
// What is quoted or attached now belongs to the answer: on with it
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx?.sourceElement?.matches?.("[data-quote], [data-composer] [type=file]")) composer()?.elements.text.focus();
});
$("[data-row][aria-current]")?.scrollIntoView({ block: "nearest" });

// Keys ----------------------------------------------------------------------------------------------------------------------

const WRITING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
let wentAt = -Infinity;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !dialog?.open) return leave(event);
  if (event.metaKey || event.ctrlKey || event.altKey || dialog?.open || event.target.closest(WRITING)) return;
  if (event.key === "?" && $("#keys-help")) return showInDialog($("#keys-help"));
  if (performance.now() - wentAt < 900) {
    wentAt = -Infinity;
    const link = $(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) return link.click();
  }
  if (event.key === "g") return void (wentAt = performance.now());
  if (event.key === "j" || event.key === "k") return step(event.key === "j" ? 1 : -1);
  const quoting = event.key === "r" && event.target.closest(".bubble")?.querySelector("[data-quote]");
  if (quoting) return quoting.click();
  const wanted = $(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (!wanted || wanted.disabled) return;
  event.preventDefault();
  wanted.focus(); // where a dialog that it opens goes back to
  if (!wanted.matches(WRITING)) wanted.click();
});

// Escape leaves a field that is being written in, then the menu, then the drawer
function leave(event) {
  if (event.target.closest?.(WRITING)) return event.target.blur();
  const menu = $("details[data-menu][open]");
  if (menu) {
    menu.open = false;
    return menu.firstElementChild.focus();
  }
  $("[data-escape]")?.click();
}

function step(by) {
  const rows = $$("[data-row]");
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("cursor"));
  const next = rows[Math.min(Math.max(at < 0 && by < 0 ? 0 : at + by, 0), rows.length - 1)];
  rows[at]?.classList.remove("cursor");
  next.classList.add("cursor");
  (next.matches("a") ? next : $("a", next))?.focus();
}

document.addEventListener("click", (event) => {
  for (const menu of $$("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("submit", (event) => event.target.closest("details[data-menu]")?.removeAttribute("open"));

// Forms -----------------------------------------------------------------------------------------------------------------------

// Filters go into the address at once, and empty ones stay out of it
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-filters]");
  if (form && !event.target.matches("[type=search]")) form.requestSubmit();
});
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("[data-filters]")) return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

// What is sent twice in a hurry is sent once. Coming back to the page, it may be sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => $$("form[data-sent]").forEach((form) => delete form.dataset.sent));

// Light or dark, without a way to the server
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-theme-form]")) return;
  event.preventDefault();
  const theme = event.submitter.value;
  document.documentElement.dataset.theme = theme;
  document.cookie = `quixess-theme=${theme};path=/;max-age=31536000;samesite=lax`;
  $(`[data-theme-form] .only-${theme}`)?.focus();
});
