/** Puts the page up. */
import { render } from "preact";
import { App } from "./app.tsx";
import { stop } from "./asking.ts";
import { receive } from "./intake.tsx";
import { busy, meet } from "./state.ts";

receive();
addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && busy.value) stop();
});
void meet();
render(<App />, document.getElementById("page")!);
