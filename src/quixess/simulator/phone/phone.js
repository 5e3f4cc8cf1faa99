// The phone in the browser. Asks /_sim once a second; data only ever becomes text nodes.

const EVERY_MS = 1000;
const TICKS = {
  accepted: ["🕓", "accepted"],
  sent: ["✓", "sent"],
  delivered: ["✓✓", "delivered"],
  read: ["✓✓", "read"],
  failed: ["!", "failed"],
};

const at = (id) => document.getElementById(id);
const state = { phone: new URLSearchParams(location.search).get("phone"), phones: "", chat: "" };

async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const answer = await fetch(`/_sim/${path}`, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.append(text);
  return node;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const { data } = await ask("phones");
    if (!state.phone && data.length) state.phone = data[0].phone;
    showPhones(data);
    if (state.phone) showChat(await ask(`phones/${encodeURIComponent(state.phone)}/messages`));
    else showComposer(false);
    at("problem").textContent = "";
  } catch (wrong) {
    at("problem").textContent = `The simulator does not answer. ${wrong.message}`;
  }
}

function showPhones(rows) {
  const fresh = JSON.stringify([rows, state.phone]);
  if (fresh === state.phones) return;
  state.phones = fresh;
  const focused = document.activeElement?.dataset?.phone;
  at("phones").replaceChildren(...rows.map(phoneRow));
  if (focused) document.querySelector(`[data-phone="${CSS.escape(focused)}"]`)?.focus();
}

function phoneRow(row) {
  const button = make("button");
  button.type = "button";
  button.dataset.phone = row.phone;
  button.setAttribute("aria-current", String(row.phone === state.phone));
  button.append(make("span", "number", `+${row.phone}`));
  button.append(make("span", "last", row.last ? summary(row.last) : row.name));
  button.addEventListener("click", () => choose(row.phone));
  const item = make("li");
  item.append(button);
  return item;
}

const summary = (message) => message.text.replaceAll("*", "") || "(forgotten)";

function showChat(chat) {
  const fresh = JSON.stringify(chat);
  if (fresh === state.chat) return;
  state.chat = fresh;
  const open = chat.window_ends_at ? `replies open until ${day(chat.window_ends_at)}` : "24 h window closed";
  at("owner").textContent = `on +${chat.phone} · ${chat.typing ? "is typing…" : open}`;
  const list = at("chat");
  const wall = at("wall");
  const below = wall.scrollHeight - wall.scrollTop - wall.clientHeight < 80;
  const focused = document.activeElement?.dataset?.wamid;
  patch(list, chat.messages);
  if (below) wall.scrollTop = wall.scrollHeight;
  if (focused) list.querySelector(`button[data-wamid="${CSS.escape(focused)}"]`)?.focus();
  at("empty").hidden = chat.messages.length > 0;
  showComposer(true);
}

// A bubble stays while its words do; only its ticks change. So a screen reader hears each message once.
function patch(list, messages) {
  const known = new Map([...list.children].map((node) => [node.dataset.wamid, node]));
  const wanted = messages.map((message) => {
    const node = known.get(message.wamid);
    if (!node || node.dataset.text !== message.text) return bubble(message);
    if (node.dataset.status !== message.status) {
      node.dataset.status = message.status;
      node.querySelector(".meta").replaceWith(meta(message));
    }
    return node;
  });
  for (const node of [...list.children]) if (!wanted.includes(node)) node.remove();
  wanted.forEach((node, place) => {
    if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
  });
}

function bubble(message) {
  const mine = message.direction === "inbound";
  const node = make("li", mine ? "bubble mine" : "bubble");
  node.dataset.wamid = message.wamid;
  node.dataset.text = message.text;
  node.dataset.status = message.status;
  if (message.header) node.append(make("div", "head", message.header));
  if (message.forgotten) node.append(make("div", "forgotten", "A one-time code, forgotten when the simulator restarted."));
  else node.append(styled(message.text));
  if (message.footer && !message.forgotten) node.append(make("div", "foot", message.footer));
  node.append(meta(message));
  if (message.buttons.length) node.append(buttons(message));
  return node;
}

// *bold*, as WhatsApp writes it.
function styled(text) {
  const box = make("div");
  text.split(/\*([^*\n]+)\*/).forEach((part, place) => box.append(place % 2 ? make("strong", "", part) : part));
  return box;
}

const clock = (instant) => new Date(instant).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const day = (instant) => new Date(instant).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" });

function meta(message) {
  const row = make("div", "meta");
  const time = make("time", "", clock(message.at));
  time.dateTime = message.at;
  row.append(time);
  const known = TICKS[message.status];
  if (known) {
    const tick = make("span", `tick ${message.status}`, known[0]);
    tick.setAttribute("role", "img");
    tick.setAttribute("aria-label", message.error ? `${known[1]}, error ${message.error}` : known[1]);
    tick.title = tick.getAttribute("aria-label");
    row.append(tick);
  }
  return row;
}

function buttons(message) {
  const row = make("div", "buttons");
  for (const one of message.buttons) {
    if (one.type !== "copy_code") {
      row.append(make("span", "", one.text));
      continue;
    }
    const button = make("button", "", one.text);
    button.type = "button";
    button.dataset.wamid = message.wamid;
    button.addEventListener("click", () => copy(button, message.code, one.text));
    row.append(button);
  }
  return row;
}

async function copy(button, code, label) {
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(code);
  } catch {
    said = `Copy by hand: ${code}`;
  }
  button.textContent = said;
  at("said").textContent = said;
  setTimeout(() => { button.textContent = label; }, 2000);
}

function showComposer(usable) {
  for (const part of at("composer").elements) part.disabled = !usable;
}

async function choose(phone) {
  state.phone = phone;
  state.chat = "";
  history.replaceState(null, "", `?phone=${encodeURIComponent(phone)}`);
  at("chat").replaceChildren();
  await refresh();
  at("wall").scrollTop = at("wall").scrollHeight;
}

at("pick").addEventListener("submit", async (event) => {
  event.preventDefault();
  const digits = at("number").value.replace(/[\s()+.-]/g, "");
  const valid = /^[0-9]{7,15}$/.test(digits);
  at("pick-problem").textContent = valid ? "" : "A phone number has 7 to 15 digits.";
  if (!valid) return;
  at("number").value = "";
  await choose(digits);
  at("text").focus();
});

at("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (!text) return;
  try {
    await ask(`phones/${encodeURIComponent(state.phone)}/messages`, { text });
    at("text").value = "";
  } catch (wrong) {
    at("problem").textContent = `Not sent. ${wrong.message}`;
    return;
  }
  await refresh();
  at("wall").scrollTop = at("wall").scrollHeight;
});

document.addEventListener("visibilitychange", refresh);
setInterval(refresh, EVERY_MS);
const world = await ask("world");
at("business").textContent = world.verified_name;
await refresh();
