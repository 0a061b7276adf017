// Asks the server for this page anew and takes over the parts that changed. One wording of everything, the server's.
import { morph } from "./morph.js";
import { setNow, show } from "./times.js";

const AT_MOST_EVERY = 1000;
const GIVE_UP_AFTER = 10000;

export class Refresh extends EventTarget {
  reachable = true;
  #running = null;
  #again = false;
  #last = Date.now();
  #timer = 0;

  // Soon, together with whatever else is told until then.
  soon() {
    if (this.#timer || document.hidden) return; // Whoever comes back to the page asks anew.
    const wait = Math.max(100, AT_MOST_EVERY - (Date.now() - this.#last));
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.now();
    }, wait);
  }

  now() {
    if (this.#running) {
      this.#again = true; // What is on its way may be older than what made us ask.
      return this.#running;
    }
    this.#running = this.#run().finally(() => {
      this.#running = null;
      this.#last = Date.now();
      if (this.#again) this.soon();
      this.#again = false;
    });
    return this.#running;
  }

  async #run() {
    try {
      const answer = await fetch(location.pathname, {
        headers: { Accept: "text/html" },
        cache: "no-store",
        signal: AbortSignal.timeout(GIVE_UP_AFTER),
      });
      if (answer.redirected) return location.assign(answer.url); // The session has ended.
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.#take(await answer.text());
      this.reachable = true;
    } catch {
      this.reachable = false; // Whatever it was: there are no new data. The state says so.
    }
    this.dispatchEvent(new Event("done"));
  }

  #take(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html"); // Scripts in it do not run.
    const pulse = fresh.getElementById("pulse");
    if (!pulse) throw new Error("this is no page of ours");
    setNow(pulse.dataset.now);
    show(fresh);
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const known = document.getElementById(part.id);
      if (known) morph(known, part);
    }
    document.title = fresh.title;
  }
}
