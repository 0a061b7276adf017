// Marks in the side list which section is being read.

export function follow() {
  const links = [...document.querySelectorAll("#side a[href^='#']")];
  if (!links.length) return;
  const sections = links.map((link) => document.querySelector(link.getAttribute("href")));
  const mark = () => {
    const line = 160;
    let at = 0;
    sections.forEach((section, index) => {
      if (section && section.getBoundingClientRect().top <= line) at = index;
    });
    if (innerHeight + scrollY >= document.documentElement.scrollHeight - 2) at = links.length - 1;
    links.forEach((link, index) => (index === at ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
  return mark;
}
