// What the pages can do beyond HTML: copy a sample, keep the language, put a key into samples. All of it stays here.

const KEY = "qxs_YOUR_KEY";

function addCopyButtons() {
  for (const code of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", () => copy(button, code.querySelector("code").textContent));
    code.append(button);
  }
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    button.classList.add("done");
  } catch {
    button.textContent = "Not allowed here";
  }
  setTimeout(() => {
    button.textContent = "Copy";
    button.classList.remove("done");
  }, 1500);
}

function choose(language) {
  for (const input of document.querySelectorAll(".tabs > input")) {
    if (input.value === language) input.checked = true;
  }
}

function keepLanguage() {
  const kept = read("language");
  if (kept) choose(kept);
  document.addEventListener("change", (event) => {
    if (!event.target.matches(".tabs > input")) return;
    const before = event.target.getBoundingClientRect().top;
    choose(event.target.value);
    window.scrollBy(0, event.target.getBoundingClientRect().top - before);
    write("language", event.target.value);
  });
}

function takeKey() {
  const place = document.getElementById("own-key");
  if (!place) return;
  place.hidden = false;
  place.querySelector("input").addEventListener("input", (event) => {
    const key = event.target.value.trim();
    const good = /^qx[st]_[0-9A-Za-z]{8,}$/.test(key);
    for (const span of document.querySelectorAll(".key")) {
      span.textContent = good ? key : KEY;
      span.classList.toggle("own-key", good);
    }
  });
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target?.closest("details");
  if (!details) return;
  details.open = true;
  details.querySelector("summary").scrollIntoView();
}

function closeMenu() {
  const menu = document.getElementById("menu");
  document.querySelector("nav").addEventListener("click", (event) => {
    if (event.target.closest("a")) menu.checked = false;
  });
}

function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // A browser that keeps nothing: the choice holds for this page.
  }
}

addCopyButtons();
keepLanguage();
takeKey();
closeMenu();
openTarget();
window.addEventListener("hashchange", openTarget);
