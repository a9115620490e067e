// The drawing: where the session is, where it can go, and how it went there.

const drawing = $("drawing");
const part = (kind, number) => drawing.querySelector(`#${kind}-${number}`);
const boxes = new Map(data.map.boxes.map((id, number) => [id, part("box", number)]));
const arrowOf = new Map();
data.map.arrows.forEach((rows, number) => rows.forEach((row) => arrowOf.set(row, part("arrow", number))));
const isStill = matchMedia("(prefers-reduced-motion: reduce)");
const TRAVEL = 500;

const shaft = (arrow) => arrow.querySelector('path[fill="none"]');

// The words of the drawing, as it came.
const drawn = new Map([...drawing.querySelectorAll(".frame text, .any text")].map((one) => [one, one.textContent]));

function putDrawnWords() {
  for (const [one, text] of drawn) one.textContent = text;
  if (lang === data.map.lang) return;
  data.map.frames.forEach((id, number) => putLabel(part("frame", number), say(chart.groupOf.get(id)?.label)));
  putLabel(drawing.querySelector(".any"), word("any"));
}

function putLabel(group, label) {
  const [first, ...more] = group?.querySelectorAll("text") ?? [];
  if (!first || !label) return;
  // The words are in a part of the line that has their size and weight.
  (first.querySelector("tspan") ?? first).textContent = label;
  for (const one of more) one.textContent = "";
}

// `can` has the transitions that would be taken now.
function drawMap(at, can) {
  for (const [id, box] of boxes) box?.classList.toggle("here", id === at.state);
  for (const arrow of new Set(arrowOf.values())) arrow?.classList.remove("can");
  for (const row of can) arrowOf.get(row.index)?.classList.add("can");
  drawing.setAttribute("aria-label", word("mapAlt", say(chart.title), named(at.state)));
}

// What an event would do, while the reader looks at it.
function preview(row) {
  for (const one of drawing.querySelectorAll(".next")) one.classList.remove("next");
  if (!row) return;
  arrowOf.get(row.index)?.classList.add("next");
  if (row.target !== null) boxes.get(row.target)?.classList.add("next");
}

// Of rows that may have been taken, one to show: none where they have several arrows, for nobody knows which it was.
function certain(candidates) {
  const arrows = new Set(candidates.map(({ index }) => arrowOf.get(index)));
  return arrows.size === 1 ? candidates[0] : null;
}

// The arrow that was taken: a dot travels along it.
let travelling = null;

function travel(row) {
  travelling?.remove();
  for (const one of drawing.querySelectorAll(".taken")) one.classList.remove("taken");
  if (!row) return;
  const arrow = arrowOf.get(row.index);
  const line = arrow && shaft(arrow);
  if (!line || row.target === null) {
    boxes.get(row.target ?? row.source)?.classList.add("taken");
    return;
  }
  arrow.classList.add("taken");
  if (isStill.matches) return;
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  dot.setAttribute("class", "dot");
  dot.setAttribute("r", "5");
  arrow.append(dot);
  travelling = dot;
  const length = line.getTotalLength();
  let begun = null;
  const move = (time) => {
    begun ??= time;
    const gone = Math.min((time - begun) / TRAVEL, 1);
    const { x, y } = line.getPointAtLength(length * (1 - (1 - gone) ** 2));
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    if (gone < 1 && dot.isConnected) requestAnimationFrame(move);
    else dot.remove();
  };
  requestAnimationFrame(move);
}

// -- looking closer ---------------------------------------------------------------------------------------------------

const pan = $("pan");
const SMALLEST = 0.72; // its words can just be read
const LARGEST = 1.25;
const EDGE = 12;
let zoom = null;

// Without the margins where a title and a legend stood.
const bounds = drawing.getBBox();
if (bounds.width > 0) {
  const { x, y, width, height } = bounds;
  drawing.setAttribute("viewBox", [x - EDGE, y - EDGE, width + 2 * EDGE, height + 2 * EDGE].map(Math.round).join(" "));
}
const natural = drawing.viewBox.baseVal;

// Unless the reader chose otherwise, the drawing fits the page, but its words stay readable.
function fit() {
  const highest = parseFloat(getComputedStyle(pan).maxHeight) || innerHeight;
  const fitting = Math.min(pan.clientWidth / natural.width, highest / natural.height, LARGEST);
  const scale = zoom ?? Math.max(fitting, SMALLEST);
  drawing.style.width = `${Math.floor(natural.width * scale)}px`;
}

function lookCloser(by) {
  zoom = Math.min(Math.max((drawing.getBoundingClientRect().width / natural.width) * by, 0.2), 3);
  fit();
  center();
}

// Bring the present state into view, when the page is drawn next.
let centering = null;

function center() {
  centering ??= requestAnimationFrame(() => {
    centering = null;
    const box = drawing.querySelector(".here");
    if (!box || (pan.scrollWidth <= pan.clientWidth && pan.scrollHeight <= pan.clientHeight)) return;
    const inner = box.getBoundingClientRect();
    const outer = pan.getBoundingClientRect();
    pan.scrollBy({
      left: inner.left + inner.width / 2 - outer.left - outer.width / 2,
      top: inner.top + inner.height / 2 - outer.top - outer.height / 2,
      behavior: isStill.matches ? "auto" : "smooth",
    });
  });
}

$("closer").addEventListener("click", () => lookCloser(1.3));
$("farther").addEventListener("click", () => lookCloser(1 / 1.3));
addEventListener("resize", fit);
