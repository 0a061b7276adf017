// Colours: the system's, or those that somebody chose here. Runs before the first paint, hence no module.
(() => {
  const root = document.documentElement;
  const wanted = ["auto", "light", "dark"];
  const words = { auto: "as the system", light: "light", dark: "dark" };

  function chosen() {
    try {
      const kept = localStorage.getItem("memmon.theme");
      return wanted.includes(kept) ? kept : "auto";
    } catch {
      return "auto"; // Storage may be forbidden.
    }
  }

  function apply(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  }

  function next() {
    const theme = wanted[(wanted.indexOf(chosen()) + 1) % wanted.length];
    try {
      localStorage.setItem("memmon.theme", theme);
    } catch {
      // It holds for this page only.
    }
    apply(theme);
    name();
    document.dispatchEvent(new Event("memmon:theme"));
  }

  function name() {
    const button = document.getElementById("theme");
    button.setAttribute("aria-label", `Colours: ${words[chosen()]}`);
    button.title = `Colours: ${words[chosen()]}`;
  }

  apply(chosen());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", next);
    name();
  });
})();
