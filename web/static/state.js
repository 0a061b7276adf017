// Live, stale or offline: what the page knows of how fresh it is, in words.
import { clock, span } from "./format.js";
import { now } from "./times.js";

const STALE_INTERVALS = 3;

// `away`: the server answers, but cannot read what was collected.
export function judge({ connected, reachable, away, age, interval }) {
  if (!connected && !reachable) return "offline";
  if (away) return "stale";
  return age !== null && age > STALE_INTERVALS * interval ? "stale" : "live";
}

export class State {
  #shown = "";
  #last = now();

  constructor(feed, refresh) {
    this.feed = feed;
    this.refresh = refresh;
    refresh.addEventListener("done", () => {
      if (refresh.reachable) this.#last = now();
      this.show();
    });
    feed.addEventListener("change", () => this.show());
  }

  show() {
    const { collected, interval, away } = document.getElementById("pulse").dataset;
    const age = collected ? (now() - Date.parse(collected)) / 1000 : null;
    const { connected } = this.feed;
    const { reachable } = this.refresh;
    const about = { connected, reachable, away, age, interval: Number(interval) };
    const state = judge(about);
    const live = document.getElementById("live");
    const word = { live: about.connected ? "Live" : "Live, polling", stale: "Stale", offline: "Offline" }[state];
    if (live.querySelector(".word").textContent !== word) live.querySelector(".word").textContent = word;
    live.querySelector(".age").textContent = age === null ? (away ? "" : "no data yet") : `data ${span(age)} old`;
    live.dataset.state = state;
    this.#announce(state, away, collected, Number(interval));
  }

  // The banner's text changes only when the state does: it is read aloud.
  #announce(state, away, collected, interval) {
    if (state === this.#shown) return;
    this.#shown = state;
    const banner = document.getElementById("banner");
    banner.hidden = state === "live";
    banner.classList.toggle("stale", state === "stale");
    document.body.classList.toggle("offline", state === "offline");
    if (state === "live") return;
    const text = document.createElement("span");
    const since = clock(state === "offline" || !collected ? this.#last : Date.parse(collected), true);
    if (state === "offline") text.textContent = `Offline, last data ${since}. Trying again by itself; what you see is how it was.`;
    else if (away) text.textContent = `Stale: memmon cannot read its newest data (${away}).`;
    else text.textContent = `Stale: no new data since ${since}, where some are expected every ${span(interval)}. See Fleet & tasks, or run memmon doctor.`;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Try now";
    button.addEventListener("click", () => {
      this.feed.hurry();
      this.refresh.now();
    });
    banner.replaceChildren(text, button);
  }
}
