// The keyboard.

const goButtons = () => [...$("list").querySelectorAll("button.go")];

function focusEvent(button) {
  if (!button) return;
  for (const one of goButtons()) one.tabIndex = -1;
  button.tabIndex = 0;
  button.focus();
}

const PATIENCE = 900; // milliseconds between two letters of a name
let typed = "";
let typedAt = 0;

function typeAhead(key, time) {
  typed = time - typedAt > PATIENCE ? key : typed + key;
  typedAt = time;
  const starts = goButtons().filter((one) => chart.events[one.dataset.event].id.toLowerCase().startsWith(typed));
  // The same letter again goes to the next one.
  if (starts.length === 0 && [...typed].every((letter) => letter === key)) {
    const again = goButtons().filter((one) => chart.events[one.dataset.event].id.toLowerCase().startsWith(key));
    focusEvent(again[(again.indexOf(document.activeElement) + 1) % again.length]);
  } else focusEvent(starts[0]);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
  const { key, target } = event;
  const isTyping = target instanceof HTMLInputElement && target.type !== "radio" && target.type !== "range";
  if (isTyping) {
    if (key === "Escape") {
      $("find").value = "";
      drawEvents();
    }
    if (key !== "Escape" && key !== "ArrowDown" && key !== "Enter") return;
    event.preventDefault();
    focusEvent(goButtons()[0]);
    return;
  }
  if (target instanceof HTMLSelectElement) return;
  const isControl = target instanceof HTMLInputElement || target === pan;
  const isOpening = key === "ArrowRight" || key === "ArrowLeft";
  const card = target.closest?.(".event");
  const isLetter = /^[\p{L}\p{N}_]$/u.test(key);
  if (!isLetter && key !== "Shift") typed = "";
  if ((key === "ArrowDown" || key === "ArrowUp") && !isControl) {
    const buttons = goButtons();
    const index = buttons.indexOf(document.activeElement);
    const then = index < 0 ? 0 : index + (key === "ArrowDown" ? 1 : -1);
    focusEvent(buttons[Math.min(Math.max(then, 0), buttons.length - 1)]);
  } else if ((key === "Home" || key === "End") && card) focusEvent(goButtons().at(key === "Home" ? 0 : -1));
  else if (isOpening && card) card.querySelector("details")?.toggleAttribute("open", key === "ArrowRight");
  else if (key === "Backspace") (event.shiftKey ? reset : back)();
  else if (key === "?") $("keys").showModal();
  else if (key === "/") $("find").focus();
  else if (key === "[" || key === "]") stepTrace(key === "]" ? 1 : -1);
  else if (isLetter) typeAhead(key.toLowerCase(), event.timeStamp);
  else return;
  event.preventDefault();
}
