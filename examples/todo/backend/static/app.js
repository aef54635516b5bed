// Puts the page together: tasks on one side, what the notification service says on the other.

import { ApiError, settings, state } from "./api.js";
import { follow } from "./notifications.js";
import * as tasks from "./tasks.js";

const PREFERENCES = "preferences";
const THEMES = ["system", "light", "dark"];
const FILTERS = ["all", "open", "done"];
const SETTLED_MILLISECONDS = 250;
const LONGEST_WAIT_MILLISECONDS = 500;

const notice = document.getElementById("notice");
const form = document.getElementById("add");
const search = document.getElementById("search");
const preferences = { theme: window.chosenTheme(), filter: "all" };
let chose = false;

// Does what the person asked for; what went wrong before is no longer of interest.
function attempt(action) {
  notice.hidden = true;
  return report(action);
}

// Does what nobody asked for: a message that stands there must stay.
async function report(action) {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    complain(error.message);
  }
}

function complain(words) {
  document.getElementById("notice-text").textContent = words;
  notice.hidden = false;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Calls `action` once nothing has asked for it for a moment.
function settled(action) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => report(action), SETTLED_MILLISECONDS);
  };
}

function check(name, value) {
  document.querySelector(`input[name="${name}"][value="${value}"]`).checked = true;
}

function prefer(change) {
  chose = true;
  Object.assign(preferences, change);
  report(() => state.save(PREFERENCES, preferences));
}

async function loadPreferences() {
  const kept = await state.load(PREFERENCES).catch(() => undefined); // the page works without them
  if (!kept || chose) return;
  if (THEMES.includes(kept.theme)) preferences.theme = kept.theme;
  if (FILTERS.includes(kept.filter)) preferences.filter = kept.filter;
  window.chooseTheme(preferences.theme);
  check("theme", preferences.theme);
  check("filter", preferences.filter);
}

document.getElementById("notice-close").addEventListener("click", () => {
  notice.hidden = true;
  document.getElementById("add-title").focus();
});

document.getElementById("theme").addEventListener("change", ({ target }) => {
  window.chooseTheme(target.value);
  prefer({ theme: target.value });
});

document.getElementById("filter").addEventListener("change", ({ target }) => {
  attempt(() => tasks.look({ filter: target.value }));
  prefer({ filter: target.value });
});

search.addEventListener("input", settled(() => tasks.look({ text: search.value.trim() })));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await tasks.add(Object.fromEntries(new FormData(form)));
    form.reset();
    form.elements.title.focus();
  });
});

tasks.start(attempt);
check("theme", preferences.theme);
const loaded = loadPreferences();
await Promise.race([loaded, pause(LONGEST_WAIT_MILLISECONDS)]); // the tasks do not need the state store
const { filter } = preferences;
await report(() => tasks.look({ filter }));
await report(async () => {
  const { notifications } = await settings();
  follow(notifications, settled(tasks.refresh)); // somebody else may have changed a task
});
await loaded;
if (!chose && preferences.filter !== filter) await report(() => tasks.look({ filter: preferences.filter }));
