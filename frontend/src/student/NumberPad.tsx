import { cleanNumber } from "../lib/questions";
import type { Phone } from "./phone";

interface Props {
  words: Phone["words"];
  locked: boolean;
  typed: string;
  type: (text: string) => void;
  send: (key: string) => void;
}

const PAD = ["7", "8", "9", "4", "5", "6", "1", "2", "3", "-", "0", "."];
const MAX_CHARS = 16;

export function NumberPad({ words: t, locked, typed, type, send }: Props) {
  const clean = cleanNumber(typed);
  const press = (sign: string) => {
    if (sign === "-") type(typed.startsWith("-") ? typed.slice(1) : `-${typed}`);
    else if (typed.length < MAX_CHARS && !(sign === "." && typed.includes("."))) type(typed + sign);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (clean !== null && !locked) send(clean);
  };
  return (
    <form class="number" onSubmit={submit}>
      <div class="number-row">
        {/* inputMode none: the pad below is the phone's keyboard; a real one types here as well. */}
        <input
          aria-label={t.number}
          type="text"
          inputMode="none"
          autocomplete="off"
          maxLength={MAX_CHARS}
          disabled={locked}
          value={typed}
          onInput={(event) => type(event.currentTarget.value)}
        />
        <button class="plain" type="button" aria-label={t.erase} disabled={locked || typed === ""} onClick={() => type(typed.slice(0, -1))}>
          ⌫
        </button>
      </div>
      <div class="pad">
        {PAD.map((sign) => (
          <button
            key={sign}
            type="button"
            disabled={locked}
            aria-label={sign === "-" ? t.minus : sign === "." ? t.point : sign}
            onClick={() => press(sign)}
          >
            {sign === "-" ? "±" : sign}
          </button>
        ))}
      </div>
      <button class="send" type="submit" disabled={locked || clean === null}>
        {t.send}
      </button>
    </form>
  );
}
