// What the pages need beside htmx: the switch of colours, copying, and a pause that begins at once.
(() => {
  "use strict";
  const root = document.documentElement;
  const names = { "": "as the system has them", light: "light", dark: "dark" };
  const signs = { "": "◐", light: "☀", dark: "☾" };
  const next = { "": "light", light: "dark", dark: "" };

  const say = (text) => { document.getElementById("said").textContent = text; };

  const shown = (button) => {
    const theme = root.dataset.theme || "";
    button.textContent = signs[theme];
    button.setAttribute("aria-label", `Colours: ${names[theme]}`);
    button.title = `Colours: ${names[theme]}`;
  };

  const switched = (button) => {
    const theme = next[root.dataset.theme || ""];
    if (theme) {
      root.dataset.theme = theme;
      localStorage.setItem("outboard-theme", theme);
    } else {
      delete root.dataset.theme;
      localStorage.removeItem("outboard-theme");
    }
    shown(button);
    say(`Colours: ${names[theme]}`);
  };

  const copied = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
      say("Copied");
    } catch {
      getSelection().selectAllChildren(source); // the browser does not let a page copy: a person can
      say("Selected: copy it with the keyboard");
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };

  // What the server answers takes the place of the whole table, with another button.
  const paused = (button) => {
    const live = button.closest(".live");
    if (button.dataset.asked) return;
    button.dataset.asked = "yes";
    const pauses = live.hasAttribute("hx-sse:connect");
    if (pauses) live.dataset.held = "yes";
    button.textContent = pauses ? "Resume" : "Pause";
    say(pauses ? "The table is held" : "The table goes on");
  };

  document.addEventListener("htmx:sse:before:message", (event) => {
    if (event.target.closest("[data-held]")) event.preventDefault();
  });

  const theme = document.getElementById("theme");
  shown(theme);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button, #pause");
    if (button === theme) switched(theme);
    else if (button?.id === "pause") paused(button);
    else if (button?.dataset.copy) copied(button);
  });
})();
