"use strict";
(function () {
  var root = document.documentElement;
  function kept(key, value) {
    try { return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value); } catch (e) { return null; }
  }
  var spoken = document.querySelectorAll("[data-zh]");
  spoken.forEach(function (it) { it.dataset.en = it.getAttribute("aria-label"); });
  function language(lang) {
    root.lang = lang;
    spoken.forEach(function (it) { it.setAttribute("aria-label", it.dataset[lang]); });
  }
  function theme(name) { if (name) { root.dataset.theme = name; } }
  language(kept("dinov3-lang") || root.lang);
  theme(kept("dinov3-theme"));
  document.querySelector(".switches").hidden = false;
  document.getElementById("language").onclick = function () {
    language(root.lang === "en" ? "zh" : "en");
    kept("dinov3-lang", root.lang);
  };
  document.getElementById("theme").onclick = function () {
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    theme(dark ? "light" : "dark");
    kept("dinov3-theme", root.dataset.theme);
  };
  function value(cell) {
    if (!cell) { return ""; }
    var text = cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v;
    var number = parseFloat(text);
    return isNaN(number) ? (text === "inf" ? Infinity : text) : number;
  }
  function compare(a, b) {
    if (typeof a === typeof b) { return a < b ? -1 : a > b ? 1 : 0; }
    return typeof a === "number" ? -1 : 1;
  }
  function sort(table, head, index) {
    var down = head.getAttribute("aria-sort") !== "descending" && head.classList.contains("n") || head.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("thead th").forEach(function (it) { it.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    var rows = Array.prototype.slice.call(table.tBodies[0].rows);
    rows.sort(function (a, b) {
      var order = compare(value(a.cells[index]), value(b.cells[index]));
      return down ? -order : order;
    });
    rows.forEach(function (row) { table.tBodies[0].appendChild(row); });
  }
  document.querySelectorAll("table[data-sort]").forEach(function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, index) {
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) { button.appendChild(head.firstChild); }
      head.appendChild(button);
      button.onclick = function () { sort(table, head, index); };
    });
  });
  function words(en, zh) {
    var both = document.createDocumentFragment();
    [["en", en], ["zh", zh]].forEach(function (pair) {
      var span = document.createElement("span");
      span.lang = pair[0];
      span.textContent = pair[1];
      both.appendChild(span);
    });
    return both;
  }
  document.querySelectorAll("table[data-filter]").forEach(function (table) {
    var label = document.createElement("label"), input = document.createElement("input"), count = document.createElement("span");
    label.className = "tools";
    label.appendChild(words("Rows with", "筛选"));
    input.type = "search";
    count.setAttribute("role", "status");
    label.appendChild(input);
    label.appendChild(count);
    table.parentNode.parentNode.insertBefore(label, table.parentNode);
    input.oninput = function () {
      var wanted = input.value.toLowerCase().split(/\s+/), shown = 0, rows = table.tBodies[0].rows;
      Array.prototype.forEach.call(rows, function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !wanted.every(function (word) { return text.indexOf(word) >= 0; });
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = input.value ? shown + " / " + rows.length : "";
    };
  });
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (it) { it.open = true; });
  });
})();
