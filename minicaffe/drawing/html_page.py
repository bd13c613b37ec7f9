"""The page of an HTML picture: its frame, its style and its script."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>{picture}</main>
<nav>
<input id="find" type="search" placeholder="find a layer" aria-label="find a layer">
<button id="closer" title="zoom in (+)">+</button>
<button id="farther" title="zoom out (-)">&minus;</button>
<button id="whole" title="show all (0)">all</button>
</nav>
<aside id="panel" hidden></aside>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""

STYLE = """
html,body{margin:0;height:100%;overflow:hidden;font:13px/1.45 Helvetica,Arial,sans-serif;
 color:#1f2733;background:#fff}
main,main svg{width:100%;height:100%;display:block;cursor:grab;touch-action:none;user-select:none}
main.pans svg{cursor:grabbing}
.n{cursor:pointer}.n:hover .o,.n.hit .o{stroke:#1d4ed8;stroke-width:2.2}
.n.on .o{stroke:#c2410c;stroke-width:2.6}
.e path.on{stroke:#c2410c;stroke-width:2.4}.e path:hover{stroke-width:3}
nav{position:fixed;left:12px;bottom:12px;display:flex;gap:5px}
nav input,nav button{font:inherit;padding:4px 9px;border:1px solid #b6bec9;border-radius:6px;
 background:#fff}
nav button{cursor:pointer}
aside{position:fixed;top:0;right:0;bottom:0;width:min(390px,85vw);overflow:auto;background:#fff;
 border-left:1px solid #d3d9e0;box-shadow:0 0 14px #0002;padding:14px 16px;box-sizing:border-box}
aside h2{font-size:16px;margin:0 28px 0 0;overflow-wrap:anywhere}
aside h3{font-size:13px;margin:14px 0 3px;color:#4b5563}
aside p{margin:0 0 6px;color:#4b5563}
aside pre{background:#f4f6f8;border-radius:6px;padding:9px 11px;margin:4px 0 12px;overflow:auto;
 font:12px/1.4 ui-monospace,Menlo,Consolas,monospace}
aside button{font:inherit;border:0;background:none;color:#1d4ed8;padding:1px 0;cursor:pointer;
 text-align:left;overflow-wrap:anywhere}
aside button.close{position:absolute;top:9px;right:11px;font-size:19px;color:#4b5563}
"""

SCRIPT = """
'use strict';
(() => {
  const boxes = JSON.parse(document.getElementById('data').textContent);
  const main = document.querySelector('main'), svg = main.querySelector('svg');
  const panel = document.getElementById('panel'), find = document.getElementById('find');
  const nodes = [...svg.querySelectorAll('.n')], lines = [...svg.querySelectorAll('.e path')];
  const [w, h] = ['width', 'height'].map(name => parseFloat(svg.getAttribute(name)));
  const size = {w, h};
  let view = {x: 0, y: 0, w: size.w, h: size.h};

  const show = () => svg.setAttribute('viewBox', `${view.x} ${view.y} ${view.w} ${view.h}`);
  const zoomTo = (pixels, x, y) => {  // so many screen pixels to a pixel; x, y in the middle
    view.w = main.clientWidth / pixels;
    view.h = main.clientHeight / pixels;
    view.x = x - view.w / 2;
    view.y = y - view.h / 2;
    show();
  };
  const pixels = () => main.clientWidth / view.w;
  const whole = () => zoomTo(
    Math.min(main.clientWidth / size.w, main.clientHeight / size.h, 2), size.w / 2, size.h / 2);
  const start = () => {  // readable, from the top
    const scale = Math.min(main.clientWidth / size.w, 1.2);
    zoomTo(Math.max(scale, 0.45), size.w / 2, main.clientHeight / 2 / Math.max(scale, 0.45));
  };
  const zoom = (factor, px = main.clientWidth / 2, py = main.clientHeight / 2) => {
    const k = pixels(), to = Math.min(Math.max(k * factor, 0.005), 12);
    view.x += px / k - px / to;
    view.y += py / k - py / to;
    view.w = main.clientWidth / to;
    view.h = main.clientHeight / to;
    show();
  };

  const add = (tag, text, into = panel) => {
    const element = document.createElement(tag);
    element.textContent = text;
    into.append(element);
    return element;
  };
  const links = (title, ends) => {
    if (!ends.length) return;
    add('h3', title);
    for (const [index, blob, shape] of ends) {
      const name = boxes[index].output ? 'output' : boxes[index].parts[0][0];
      const button = add('button', `${blob} ${shape} ${title === 'reads' ? 'from' : 'to'} ${name}`);
      button.addEventListener('click', () => { select(index); centre(index); });
      add('br', '');
    }
  };
  const select = chosen => {
    nodes.forEach(node => node.classList.toggle('on', +node.dataset.i === chosen));
    lines.forEach(line => line.classList.toggle(
      'on', +line.dataset.s === chosen || +line.dataset.t === chosen));
    panel.replaceChildren();
    panel.hidden = chosen === null;
    if (chosen === null) return;
    const box = boxes[chosen], close = add('button', '\\u00d7');
    close.className = 'close';
    close.title = 'close (Escape)';
    close.addEventListener('click', () => select(null));
    for (const [name, type, text] of box.parts) {
      add('h2', name);
      add('p', box.output ? `output ${type}` : type);
      if (text) add('pre', text);
    }
    links('reads', box.in);
    links('makes', box.out);
  };
  const centre = index => {
    const node = nodes.find(each => +each.dataset.i === index);
    const at = node.getBBox();
    zoomTo(Math.max(pixels(), 0.9), at.x + at.width / 2, at.y + at.height / 2);
  };

  let from = null, moved = false;
  main.addEventListener('pointerdown', event => {
    if (event.button) return;
    from = {x: event.clientX, y: event.clientY};
    moved = false;
  });
  window.addEventListener('pointermove', event => {
    if (!from) return;
    const dx = event.clientX - from.x, dy = event.clientY - from.y;
    if (!moved && Math.hypot(dx, dy) < 4) return;
    moved = true;
    main.classList.add('pans');
    view.x -= dx / pixels();
    view.y -= dy / pixels();
    from = {x: event.clientX, y: event.clientY};
    show();
  });
  window.addEventListener('pointerup', () => { from = null; main.classList.remove('pans'); });
  main.addEventListener('click', event => {
    if (moved) return;
    const node = event.target.closest('.n');
    select(node ? +node.dataset.i : null);
  });
  main.addEventListener('dblclick', event => zoom(1.8, event.clientX, event.clientY));
  main.addEventListener('wheel', event => {
    event.preventDefault();
    const lines = event.deltaMode ? 30 : 1;
    zoom(Math.exp(-event.deltaY * lines * 0.0016), event.clientX, event.clientY);
  }, {passive: false});

  let hits = [], hit = 0;
  find.addEventListener('input', () => {
    const text = find.value.trim().toLowerCase();
    hits = text ? nodes.filter(node => boxes[+node.dataset.i].parts.some(
      part => part[0].toLowerCase().includes(text) || part[1].toLowerCase() === text)) : [];
    nodes.forEach(node => node.classList.toggle('hit', hits.includes(node)));
    hit = 0;
    if (hits.length) centre(+hits[0].dataset.i);
  });
  find.addEventListener('keydown', event => {
    if (event.key === 'Enter' && hits.length) {
      const index = +hits[hit % hits.length].dataset.i;
      centre(index);
      select(index);
      hit += 1;
    }
  });
  const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  window.addEventListener('keydown', event => {
    if (event.key === 'Escape') select(null);
    if (event.target === find || event.ctrlKey || event.metaKey) return;
    if (event.key === '+' || event.key === '=') zoom(1.25);
    if (event.key === '-') zoom(0.8);
    if (event.key === '0') whole();
    if (event.key in steps) {
      view.x += steps[event.key][0] * 60 / pixels();
      view.y += steps[event.key][1] * 60 / pixels();
      show();
    }
  });
  document.getElementById('closer').addEventListener('click', () => zoom(1.25));
  document.getElementById('farther').addEventListener('click', () => zoom(0.8));
  document.getElementById('whole').addEventListener('click', whole);
  window.addEventListener('resize', () => {
    const k = pixels() || 1;
    view.w = main.clientWidth / k;
    view.h = main.clientHeight / k;
    show();
  });
  start();
})();
"""
