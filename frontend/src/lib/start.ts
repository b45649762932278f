import { mount, type Component } from "svelte";

/** Put the page where the notice for old browsers stands. */
export function start(page: Component): void {
  const target = document.getElementById("page")!;
  target.replaceChildren();
  mount(page, { target });
}
