// Times of the page: in the reader's zone, and counting. The server's clock counts, not the reader's.
import { clock, left, span } from "./format.js";

let skew = 0; // Milliseconds that the server is ahead.

export const now = () => Date.now() + skew;

export function setNow(iso) {
  skew = Date.parse(iso) - Date.now();
}

const date = (ms) => `${new Date(ms).toLocaleDateString("en-GB", { day: "2-digit", month: "short" })} ${clock(ms)}`;

const forms = {
  clock: (ms) => (Math.abs(now() - ms) > 20 * 3600e3 ? date(ms) : clock(ms)),
  exact: (ms) => clock(ms, true),
  date,
  span: (ms) => span((now() - ms) / 1000),
  left: (ms) => left((ms - now()) / 1000),
};

// Writes every time under `root` as it reads now.
export function show(root) {
  for (const element of root.querySelectorAll("time[data-show]")) {
    const text = forms[element.dataset.show](Date.parse(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
  for (const bar of root.querySelectorAll("progress[data-began]")) {
    bar.value = Math.min(bar.max, Math.max(0, (now() - Date.parse(bar.dataset.began)) / 1000));
  }
}
