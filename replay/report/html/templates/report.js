"use strict";
(() => {
  const chart = document.querySelector(".chart");
  if (chart) {
    const hover = JSON.parse(document.getElementById("hover").textContent);
    const cursor = chart.querySelector(".cursor");
    const tip = chart.querySelector(".tip");
    const plot = chart.querySelector(".plot");
    let place = -1;

    const line = (label, text) => {
      const row = document.createElement("div");
      for (const part of [label, text]) row.appendChild(document.createElement("span")).textContent = part;
      return row;
    };
    const hide = () => { cursor.style.display = tip.style.display = "none"; place = -1; };
    const show = (to) => {
      place = Math.min(Math.max(to, 0), hover.times.length - 1);
      const box = chart.getBoundingClientRect(), area = plot.getBoundingClientRect();
      const at = area.left - box.left + (place + 0.5) / hover.times.length * area.width;
      const title = document.createElement("b");
      title.textContent = hover.times[place] + " UTC";
      tip.replaceChildren(title, ...hover.lines[place].map((entry) => line(...entry)));
      cursor.style.left = at + "px";
      cursor.style.display = tip.style.display = "block";
      const right = at + 14 + tip.offsetWidth > box.width;
      tip.style.left = Math.max(0, right ? at - 14 - tip.offsetWidth : at + 14) + "px";
      tip.style.top = area.top - box.top + 8 + "px";
    };
    chart.addEventListener("pointermove", (event) => {
      const area = plot.getBoundingClientRect();
      const share = (event.clientX - area.left) / area.width;
      if (share < 0 || share >= 1) hide(); else show(Math.floor(share * hover.times.length));
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (move) { event.preventDefault(); show(place < 0 ? 0 : place + move); }
      if (event.key === "Escape") hide();
    });
  }

  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      const say = (text) => { button.textContent = text; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
      try {
        await navigator.clipboard.writeText(code.textContent);
        say("Copied");
      } catch {
        const range = document.createRange();
        range.selectNodeContents(code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        say("Press Ctrl+C");
      }
    });
  }

  addEventListener("beforeprint", () => document.querySelectorAll("details.wanted").forEach((entry) => { entry.open = true; }));
})();
