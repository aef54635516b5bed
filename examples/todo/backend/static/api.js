// What the page asks the backend.

export class ApiError extends Error {}

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  }).catch(() => {
    throw new ApiError("The backend does not answer. Nothing was changed.");
  });
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw Object.assign(new ApiError(reason(response, answer)), { status: response.status });
  return answer;
}

function reason(response, answer) {
  const detail = answer?.detail;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((item) => `${item.loc.at(-1)}: ${item.msg}`).join("; ");
  return `The backend answered ${response.status}.`;
}

export const tasks = {
  list: (query) => call("GET", `/tasks?${new URLSearchParams(query)}`),
  create: (task) => call("POST", "/tasks", task),
  update: (id, changes) => call("PATCH", `/tasks/${id}`, changes),
  complete: (id) => call("POST", `/tasks/${id}/complete`),
  remove: (id) => call("DELETE", `/tasks/${id}`),
};

export const state = {
  // undefined where nothing is kept.
  load: (key) =>
    call("GET", `/api/state/${encodeURIComponent(key)}`).catch((error) => {
      if (error.status === 404) return undefined;
      throw error;
    }),
  save: (key, value) => call("POST", `/api/state/${encodeURIComponent(key)}`, value),
};

export const settings = () => call("GET", "/api/settings");
