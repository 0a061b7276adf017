// Says aloud which alerts began since the last look, and which incidents.

const found = (attribute) => new Map([...document.querySelectorAll(`[data-${attribute}]`)].map((e) => [e.dataset[attribute], e]));

export class Announcer {
  #alerts = new Set(found("alert").keys());
  #incidents = new Set(found("incident").keys());

  look() {
    const words = [];
    const alerts = found("alert");
    const incidents = found("incident");
    for (const [id, row] of alerts) if (!this.#alerts.has(id)) words.push(`New ${row.dataset.severity} alert: ${row.dataset.name}`);
    for (const id of incidents.keys()) if (!this.#incidents.has(id)) words.push(`Incident ${id} opened`);
    this.#alerts = new Set(alerts.keys());
    this.#incidents = new Set(incidents.keys());
    if (words.length) document.getElementById("said").textContent = words.slice(0, 3).join(". ");
  }
}
