// The list of tasks.

import { tasks } from "./api.js";

const PAGE = 20;
const EDITABLE = ["title", "description"];
const COMPLETED = { all: {}, open: { completed: false }, done: { completed: true } };
const EMPTY = { all: "No tasks yet. Add the first one above.", open: "Nothing is left to do.", done: "Nothing is done yet." };

const list = document.getElementById("tasks");
const heading = document.getElementById("tasks-heading");
const empty = document.getElementById("tasks-empty");
const count = document.getElementById("tasks-count");
const newer = document.getElementById("newer");
const older = document.getElementById("older");
const taskTemplate = document.getElementById("task-template");
const editTemplate = document.getElementById("edit-template");

const shown = { filter: "all", text: "", offset: 0 };
const rows = new Map();
let latest = 0;
let attempt = (action) => action();

// `run` does an action and tells the person if it fails.
export function start(run) {
  attempt = run;
  newer.addEventListener("click", () => turn(-PAGE));
  older.addEventListener("click", () => turn(PAGE));
}

export async function look({ filter = shown.filter, text = shown.text }) {
  Object.assign(shown, { filter, text, offset: 0 });
  await refresh();
}

export async function add(task) {
  await tasks.create(task);
  shown.offset = 0;
  await refresh();
}

export async function refresh() {
  const request = ++latest;
  const page = await tasks.list({ ...COMPLETED[shown.filter], text: shown.text, limit: PAGE, offset: shown.offset });
  if (request !== latest) return; // a later question is on its way, whose answer is newer
  if (!page.items.length && shown.offset) {
    shown.offset = Math.max(0, Math.floor((page.total - 1) / PAGE) * PAGE);
    return refresh();
  }
  render(page);
}

function turn(by) {
  shown.offset = Math.max(0, shown.offset + by);
  attempt(async () => {
    await refresh();
    heading.focus();
  });
}

function render({ items, total, offset }) {
  const focused = document.activeElement?.closest(".task");
  const place = [...list.children].indexOf(focused);
  const ids = new Set(items.map((task) => task.id));
  for (const [id, row] of rows) if (!ids.has(id)) drop(id, row);
  items.forEach((task, index) => {
    const row = rows.get(task.id) ?? make(task.id);
    fill(row, task);
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
  });
  if (focused && !focused.isConnected) (list.children[Math.min(place, items.length - 1)]?.querySelector(".tick") ?? heading).focus();
  summarise(items.length, total, offset);
}

function summarise(length, total, offset) {
  empty.hidden = length > 0;
  empty.textContent = shown.text ? "No task has these words in it." : EMPTY[shown.filter];
  count.textContent = total > PAGE ? `${offset + 1} to ${offset + length} of ${total} tasks` : total === 1 ? "1 task" : `${total} tasks`;
  count.parentElement.classList.toggle("single", total <= PAGE);
  newer.disabled = offset === 0;
  older.disabled = offset + length >= total;
}

function make(id) {
  const row = taskTemplate.content.firstElementChild.cloneNode(true);
  const tick = row.querySelector(".tick");
  tick.id = `task-${id}`;
  row.querySelector(".words").htmlFor = tick.id;
  for (const [attribute, part] of [["aria-labelledby", "title"], ["aria-describedby", "description"]]) {
    const words = row.querySelector(`.words .${part}`);
    words.id = `task-${id}-${part}`;
    tick.setAttribute(attribute, words.id);
  }
  tick.addEventListener("change", () => change(() => (tick.checked ? tasks.complete(id) : tasks.update(id, { completed: false }))));
  row.querySelector(".edit").addEventListener("click", () => edit(row));
  row.querySelector(".delete").addEventListener("click", () => change(() => tasks.remove(id)));
  rows.set(id, row);
  return row;
}

function drop(id, row) {
  rows.delete(id);
  row.remove();
}

function fill(row, task) {
  row.task = task;
  row.classList.toggle("completed", task.completed);
  row.querySelector(".tick").checked = task.completed;
  row.querySelector(".words .title").textContent = task.title;
  row.querySelector(".words .description").textContent = task.description;
  row.querySelector(".edit").setAttribute("aria-label", `Edit ${task.title}`);
  row.querySelector(".delete").setAttribute("aria-label", `Delete ${task.title}`);
}

// Whether it worked or not, what is shown afterwards is what the backend has.
function change(action) {
  return attempt(async () => {
    latest++; // a list that is on its way is older than this, and would take it back
    try {
      await action();
    } finally {
      await refresh();
    }
  });
}

function edit(row) {
  const form = editTemplate.content.firstElementChild.cloneNode(true);
  const view = row.querySelector(".shown");
  const before = row.task;
  const close = () => {
    form.remove();
    view.hidden = false;
    row.querySelector(".edit").focus();
  };
  for (const name of EDITABLE) form.elements[name].value = before[name];
  form.querySelector(".cancel").addEventListener("click", close);
  form.addEventListener("keydown", (event) => event.key === "Escape" && close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => {
      await tasks.update(before.id, edited(form, before));
      close();
      await refresh();
    });
  });
  view.hidden = true;
  row.append(form);
  form.elements.title.select();
}

// Only what the person changed: the rest may have been changed by somebody else meanwhile.
function edited(form, before) {
  const values = EDITABLE.map((name) => [name, form.elements[name].value]);
  return Object.fromEntries(values.filter(([name, value]) => value !== before[name]));
}
