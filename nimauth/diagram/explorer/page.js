// What every part of the page needs: elements, and words in the reader's language.

const $ = (id) => document.getElementById(id);

// An element. What is in it is text or elements, never markup.
function make(tag, attributes, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...inside.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

const browsers = navigator.languages?.some((one) => /^(zh|en)/i.test(one))
  ? navigator.languages.find((one) => /^(zh|en)/i.test(one)).slice(0, 2).toLowerCase()
  : "en";
let lang = data.lang === "auto" ? browsers : data.lang;

// Words of the chart: a text, or one in English and one in Chinese.
const say = (words) => (Array.isArray(words) ? words[lang === "zh" ? 1 : 0] : words ?? "");

// Words of the page.
const word = (key, ...values) => say(data.words[key]).replace(/\{(\d)\}/g, (_, number) => values[number]);

// A name that shows nothing is shown as a sign.
const named = (id) => (id.trim() === "" ? "␣" : id);

const roleOf = (state) => "role-" + chart.stateOf.get(state).role;

function tell(text) {
  $("said").textContent = text;
}

function notify(text) {
  $("notice-text").textContent = text;
  $("notice").hidden = text === "";
}

function putWords() {
  document.documentElement.lang = lang === "zh" ? "zh" : "en";
  document.title = say(chart.title);
  $("title").textContent = say(chart.title);
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
  for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", word(one.dataset.label));
  for (const one of document.querySelectorAll("[data-hint]")) one.placeholder = word(one.dataset.hint);
  for (const id of ["help", "closer", "farther"]) $(id).title = $(id).getAttribute("aria-label");
  const keys = [
    ["↑ ↓", "keyMove"],
    [word("keyLetters"), "keyType"],
    ["Enter", "keyEnter"],
    ["→ ←", "keyMore"],
    ["/", "keyFind"],
    ["Backspace", "keyBack"],
    ["Shift + Backspace", "keyReset"],
    ["?", "keyHelp"],
    ...(data.recording ? [["[ ]", "keyTrace"]] : []),
  ];
  $("keys-list").replaceChildren(
    ...keys.flatMap(([key, what]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, word(what))]),
  );
}
