// A live page: what it is made of, and how the parts hear of each other.
import { Announcer } from "./announce.js";
import { Charts } from "./charts.js";
import { Feed } from "./feed.js";
import { Orders } from "./orders.js";
import { Refresh } from "./refresh.js";
import { load } from "./session.js";
import { follow } from "./side.js";
import { State } from "./state.js";
import { setNow, show } from "./times.js";

const POLL_EVERY = 5000; // Without the feed.
const LOOK_EVERY = 30000; // With it: what nobody told of.

setNow(document.getElementById("pulse").dataset.now);
show(document);

const feed = new Feed();
const refresh = new Refresh();
const state = new State(feed, refresh);
const announcer = new Announcer();
const charts = document.getElementById("plots") ? new Charts(document.getElementById("plots")) : null;
new Orders(refresh);
const mark = follow();

let parts = ""; // Which parts of memmon are there, as the status says every few seconds.
feed.addEventListener("update", ({ detail }) => {
  if (detail.stream === "status") {
    const { system_status, redis, database } = detail.data;
    const told = [system_status, redis?.status, database?.status].join();
    const same = told === parts || !parts;
    parts = told;
    if (same) return;
  }
  refresh.soon();
  if (detail.stream === "metrics" || detail.stream === "incidents") charts?.soon();
});
feed.addEventListener("change", () => refresh.now());
refresh.addEventListener("done", () => {
  announcer.look();
  mark?.();
});

let asked = Date.now();
setInterval(() => {
  show(document);
  state.show();
  const wait = feed.connected ? LOOK_EVERY : POLL_EVERY;
  if (document.hidden || Date.now() - asked < wait) return;
  asked = Date.now();
  refresh.now();
  charts?.soon();
}, 1000);
document.addEventListener("visibilitychange", () => !document.hidden && refresh.now());
addEventListener("online", () => feed.hurry());

state.show();
load();
feed.start();
