// Numbers and lengths of time, worded as the server words them (web/formatting.py).

export function digits(value) {
  const size = Math.abs(value);
  if (size >= 10000) return Math.round(value).toLocaleString("en").replaceAll(",", " ");
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  const pair = (big, bigName, small, smallName) => `${big} ${bigName}` + (small ? ` ${small} ${smallName}` : "");
  if (whole < 86400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

export function left(seconds) {
  const whole = Math.ceil(seconds);
  if (whole <= 0) return "now";
  const two = (n) => String(n).padStart(2, "0");
  const rest = `${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${rest}` : rest;
}

function duration(value) {
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size >= 100) return span(value);
  if (size >= 1) return `${value.toFixed(2)} s`;
  return size >= 0.001 ? `${digits(value * 1000)} ms` : `${digits(value * 1e6)} µs`;
}

export function number(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (unit === "percent") return `${digits(value)} %`;
  if (unit === "seconds") return duration(value);
  return unit === "rate" ? `${digits(value)} /s` : digits(value);
}

// What stands at an axis: the shortest form.
export function tick(value, unit) {
  if (unit === "seconds") return value === 0 ? "0" : value >= 1 ? `${+value.toFixed(2)} s` : `${+(value * 1000).toPrecision(3)} ms`;
  return String(+value.toPrecision(4));
}

export const clock = (ms, exact = false) =>
  new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(exact ? { second: "2-digit" } : {}) });
