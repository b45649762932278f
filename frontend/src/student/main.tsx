import "../styles/student.css";
import { render } from "preact";
import { followTheme } from "../lib/theme";
import { Page } from "./Page";
import { Phone } from "./phone";

const target = document.getElementById("page")!;
target.replaceChildren();

// One picture of one state, drawn anew when it changes: the page needs no more machinery.
const draw = () => render(<Page phone={phone} now_ms={performance.now()} />, target);
const phone: Phone = new Phone(draw);

followTheme(() => {});
setInterval(draw, 500);
draw();
void phone.start();
