// Draws the figures that the page carries as JSON, in the colours of the stylesheet. Every page works without it.
"use strict";

document.documentElement.classList.add("js");

(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  let library = null;

  const load = (address) => {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = address;
      script.addEventListener("load", resolve);
      script.addEventListener("error", reject);
      document.head.append(script);
    });
    return library;
  };

  const trace = (given) => {
    const colour = token(given.meta || "c1");
    const marker = { ...given.marker, color: colour, line: { color: token("card"), width: 1 } };
    if (given.marker?.pattern) {
      marker.pattern = { ...given.marker.pattern, fgcolor: token("soft"), bgcolor: token("card") };
    }
    const line = given.line ? { ...given.line, color: colour } : undefined;
    return { ...given, marker, ...(line && { line }) };
  };

  const axis = (given = {}) => ({
    automargin: true, fixedrange: true, gridcolor: token("line"), linecolor: token("line"),
    zerolinecolor: token("line"), tickcolor: token("line"), ...given,
  });

  const layout = (given = {}) => ({
    margin: { t: 8, r: 0, b: 0, l: 0 }, bargap: 0.28, ...given,
    autosize: true, paper_bgcolor: token("card"), plot_bgcolor: token("card"),
    font: { family: token("font"), size: 12, color: token("soft") },
    hoverlabel: { bgcolor: token("ink"), font: { color: token("paper"), family: token("font") } },
    xaxis: axis({ showgrid: false, ...given.xaxis }), yaxis: axis(given.yaxis),
  });

  const draw = (place) => {
    const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    const options = { displayModeBar: false, responsive: true, showTips: false, locale: document.documentElement.lang };
    return window.Plotly.react(place, figure.data.map(trace), layout(figure.layout), options);
  };

  const drawAll = async () => {
    const places = [...document.querySelectorAll("[data-figure]")];
    if (!places.length) return;
    await load(places[0].dataset.plotly);
    await Promise.all(places.map(draw));
    document.documentElement.dataset.drawn = String(places.length);
  };

  const closeMenus = (event) => {
    for (const menu of document.querySelectorAll("details.account[open]")) {
      if (event.key === "Escape" || (event.type === "click" && !menu.contains(event.target))) menu.open = false;
    }
  };

  // A page that asks anew by itself can be held, and never shows another page, such as the sign-in, in its place.
  const hold = (event) => {
    const button = event.target.closest?.("[data-hold]");
    if (!button) return;
    const held = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(held));
    document.getElementById(button.dataset.hold).toggleAttribute("data-held", held);
  };
  const keepHeld = (event) => { if (event.target.hasAttribute("data-held")) event.preventDefault(); };
  const stayHere = (event) => {
    const { xhr, pathInfo } = event.detail;
    if (!xhr.responseURL || new URL(xhr.responseURL).pathname === new URL(pathInfo.requestPath, location).pathname) return;
    event.detail.shouldSwap = false;
    location.reload();
  };

  document.addEventListener("click", hold);
  document.addEventListener("htmx:beforeRequest", keepHeld);
  document.addEventListener("htmx:beforeSwap", stayHere);
  dark.addEventListener("change", drawAll);
  document.addEventListener("click", closeMenus);
  document.addEventListener("keydown", closeMenus);
  document.addEventListener("htmx:afterSwap", drawAll);
  drawAll();
})();
