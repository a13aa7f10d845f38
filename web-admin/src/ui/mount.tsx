//! Puts an application on the page. The one place that loads the style sheets.

import "../styles/tokens.css";
import "../styles/base.css";
import "../styles/kit.css";
import { render, type ComponentChild } from "preact";

export function mount(application: ComponentChild): void {
  const place = document.getElementById("app");
  if (place) render(application, place);
}
