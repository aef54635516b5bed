// Runs before the first paint, so that a dark page does not flash white. What was chosen last is remembered
// here in the browser as well as in the state store, which is slower to ask.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  function remembered() {
    try {
      return localStorage.getItem("theme") ?? "system";
    } catch {
      return "system"; // the browser keeps nothing for this page
    }
  }

  function show(theme) {
    root.dataset.theme = theme === "system" ? (system.matches ? "dark" : "light") : theme;
  }

  let chosen = remembered();
  show(chosen);
  system.addEventListener("change", () => show(chosen));

  window.chosenTheme = () => chosen;
  window.chooseTheme = (theme) => {
    chosen = theme;
    show(theme);
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // The state store has it still.
    }
  };
})();
