// Tries rules over stored history, and shows what they would have done.
import { send } from "./session.js";

const form = document.getElementById("try");
const place = document.getElementById("tried");

document.getElementById("save").addEventListener("click", async () => {
  const { name, rules } = Object.fromEntries(new FormData(form));
  if (!name || !form.reportValidity()) {
    place.replaceChildren(line("Give it a name first.", "away"));
    return;
  }
  const done = await send(`/api/rules/files/${encodeURIComponent(name)}`, { rules }, "PUT");
  place.replaceChildren(done.ok ? line(`rules/${name}.yml is saved, and in force within seconds.`) : line(done.message, "away"));
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  place.replaceChildren(line("Trying…", "muted"));
  const { rules, since } = Object.fromEntries(new FormData(form));
  const done = await send("/api/rules/backtest", { rules, since });
  button.disabled = false;
  place.replaceChildren(...(done.ok ? told(done.data) : [line(done.message, "away")]));
});

function told(found) {
  const lines = found.rules.map((rule) => {
    const seconds = Math.round(rule.firing_seconds);
    const text = `${rule.name} would have fired ${rule.firings} times, for ${span(seconds)} in all; alerts of this name really fired ${rule.really_fired} times.`;
    return line(rule.error ? `${text} ${rule.error}` : text, rule.error ? "away" : "");
  });
  const receivers = Object.entries(found.notifications.by_receiver).map(([name, count]) => `${name} ${count}`);
  lines.push(line(`Notifications: ${found.notifications.total}${receivers.length ? ` (${receivers.join(", ")})` : ""}.`));
  const list = document.createElement("ol");
  list.className = "timeline";
  for (const rule of found.rules) {
    for (const one of rule.list.slice(0, 20)) {
      const item = document.createElement("li");
      const labels = Object.entries(one.labels).map(([name, value]) => `${name}=${value}`);
      item.textContent = `${one.from} to ${one.to ?? "now"}: ${labels.join(" ")}`;
      list.append(item);
    }
  }
  return list.children.length ? [...lines, list] : lines;
}

function line(text, name = "") {
  const made = document.createElement("p");
  made.textContent = text;
  made.className = name;
  return made;
}

function span(seconds) {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
