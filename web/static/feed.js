// The live feed: one WebSocket that comes back by itself, each time after a longer wait.

const STREAMS = ["status", "metrics", "health", "alerts", "incidents", "security"];
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;
const PING_EVERY = 10000;

export class Feed extends EventTarget {
  connected = false;
  #socket = null;
  #wait = FIRST_WAIT;
  #timer = 0;
  #heard = 0;

  start() {
    this.#open();
    setInterval(() => this.#check(), PING_EVERY);
  }

  // Tries at once, however long the wait is that has begun.
  hurry() {
    if (this.connected) return;
    this.#wait = FIRST_WAIT;
    clearTimeout(this.#timer);
    this.#open();
  }

  #open() {
    if (this.#socket) this.#socket.onclose = null;
    this.#socket?.close();
    const address = new URL("/ws", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(address));
    socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", streams: STREAMS }));
    socket.onmessage = (message) => this.#take(message.data);
    socket.onclose = () => this.#lost();
  }

  #take(text) {
    this.#heard = Date.now();
    const message = JSON.parse(text);
    if (message.type === "subscribed") {
      this.#wait = FIRST_WAIT;
      this.#become(true);
    } else if (message.type === "update") {
      this.dispatchEvent(new CustomEvent("update", { detail: message }));
    }
  }

  #lost() {
    this.#become(false);
    this.#timer = setTimeout(() => this.#open(), this.#wait * (0.75 + Math.random() / 2));
    this.#wait = Math.min(LONGEST_WAIT, this.#wait * 2);
  }

  // A connection that is half open says nothing by itself.
  #check() {
    if (!this.connected) return;
    if (Date.now() - this.#heard > 2.5 * PING_EVERY) {
      this.#socket.onclose = null;
      this.#socket.close();
      this.#lost();
    } else {
      this.#socket.send(JSON.stringify({ type: "ping" }));
    }
  }

  #become(connected) {
    if (this.connected === connected) return;
    this.connected = connected;
    this.dispatchEvent(new Event("change"));
  }
}
