// The notification service's live stream, and the list that shows it.

const LONGEST = 100;
const RETRY_MILLISECONDS = 3000;
const FRESH_MILLISECONDS = 10_000;

const list = document.getElementById("events");
const live = document.getElementById("live");
const spoken = document.getElementById("events-spoken");
const template = document.getElementById("event-template");
const seen = new Set();

export function follow(serviceUrl, onEvent) {
  const source = new EventSource(`${serviceUrl.replace(/\/$/, "")}/notifications/stream`);
  source.onopen = () => tell("live", "Live");
  source.onmessage = (message) => {
    const notification = JSON.parse(message.data);
    if (show(notification)) onEvent(notification);
  };
  source.onerror = () => {
    tell("away", "Reconnecting");
    // The browser tries again by itself after a broken connection, but not after an answer that is an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(serviceUrl, onEvent), RETRY_MILLISECONDS);
  };
}

function tell(status, words) {
  if (live.dataset.state === status) return;
  live.dataset.state = status;
  live.textContent = words;
}

function show(notification) {
  const identity = `${notification.source} ${notification.event_id}`;
  if (seen.has(identity)) return false;
  seen.add(identity);
  list.prepend(item(notification));
  while (list.children.length > LONGEST) list.lastElementChild.remove();
  return true;
}

function item({ action, task_id: id, data, received_at: receivedAt }) {
  const node = template.content.firstElementChild.cloneNode(true);
  const time = new Date(receivedAt);
  node.classList.add(action);
  node.querySelector("use").setAttribute("href", `#icon-${action}`);
  node.querySelector(".action").textContent = action;
  node.querySelector(".title").textContent = data.title;
  node.querySelector(".where").textContent = `task ${id} · ${time.toLocaleTimeString()}`;
  if (Date.now() - time < FRESH_MILLISECONDS) {
    node.classList.add("fresh");
    spoken.textContent = `Notification: ${data.title} ${action}`;
  }
  return node;
}
