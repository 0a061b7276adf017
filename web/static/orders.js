// What people order by a button: acknowledge, silence, escalate, approve, note.
import { send } from "./session.js";

const COMMENT = "silenced on the dashboard";

export class Orders {
  constructor(refresh) {
    this.refresh = refresh;
    document.addEventListener("click", (event) => this.#click(event));
    document.addEventListener("submit", (event) => this.#submit(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && closeMenus(null, true));
  }

  #click(event) {
    const button = event.target.closest("button");
    closeMenus(event.target.closest("details.menu"));
    if (!button) return;
    const { post, body, silence, remove, ask } = button.dataset;
    if (ask && !confirm(ask)) return;
    if (post) this.#order(button, () => send(post, body ? JSON.parse(body) : {}));
    else if (silence) this.#order(button, () => send("/api/silences", { alert: Number(silence), duration: button.dataset.duration, comment: COMMENT }));
    else if (remove) this.#order(button, () => removeAll(remove.split(" ")));
  }

  #submit(event) {
    const form = event.target.closest("form[data-form]");
    if (!form) return;
    event.preventDefault();
    const comment = new FormData(form).get("comment");
    this.#order(form.querySelector("button"), async () => {
      const done = await send(form.dataset.form, { comment });
      if (done.ok && form.elements.comment.value === comment) form.reset(); // The next note may be half written.
      return done;
    });
  }

  async #order(button, act) {
    const said = (button.closest("form") ?? button).dataset.done; // The button may be another one after the refresh.
    const menu = button.closest("details.menu"); // Any other may have been opened while the answer was on its way.
    button.disabled = true;
    const done = await act();
    button.disabled = false;
    if (menu) menu.open = false;
    note(done.ok ? said : done.message, !done.ok);
    if (done.ok) await this.refresh.now();
  }
}

async function removeAll(paths) {
  let done = { ok: true, message: null };
  for (const path of paths) done = await send(path, {}, "DELETE");
  return done;
}

function closeMenus(but, focus = false) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu === but) continue;
    menu.open = false;
    if (focus) menu.querySelector("summary").focus();
  }
}

// Says shortly how it went.
export function note(text, bad = false) {
  const line = document.createElement("p");
  line.textContent = text;
  line.classList.toggle("bad", bad);
  document.getElementById("notes").append(line);
  setTimeout(() => line.remove(), bad ? 9000 : 4500);
}
