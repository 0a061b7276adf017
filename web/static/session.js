// Who is signed in, and writes in their name.

let known = { signed_in: false };

export async function load() {
  try {
    const answer = await fetch("/api/session", { headers: { Accept: "application/json" } });
    if (answer.ok) known = await answer.json();
  } catch {
    known = { signed_in: false }; // A write will ask to sign in, and then the server can be asked again.
  }
  show();
}

function show() {
  if (!known.signed_in) return;
  const name = document.createElement("span");
  name.className = "muted";
  name.textContent = known.name;
  name.title = `role ${known.role}`;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Sign out";
  button.addEventListener("click", async () => {
    await send("/logout", {});
    location.reload();
  });
  document.getElementById("account").replaceChildren(name, button);
}

// To the sign-in page, and back to where we are.
export function signIn() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.hash)}`);
}

// Sends `body`; returns {ok, message, data}. Somebody who is not signed in is taken there.
export async function send(path, body, method = "POST") {
  if (!known.signed_in) await load();
  if (!known.signed_in) {
    signIn();
    return { ok: false, message: "Sign in first" };
  }
  try {
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": known.csrf };
    const answer = await fetch(path, { method, headers, body: method === "DELETE" ? undefined : JSON.stringify(body) });
    if (answer.status === 401) {
      known = { signed_in: false };
      signIn();
    }
    const said = await answer.json().catch(() => (answer.ok ? null : { message: `status ${answer.status}` }));
    return { ok: answer.ok, message: answer.ok ? null : (said?.message ?? String(said)), data: said };
  } catch {
    return { ok: false, message: "memmon cannot be reached; nothing was changed" };
  }
}
