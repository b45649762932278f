import { NumberPad } from "./NumberPad";
import { BUZZ, clock, joinLetters, keysOf, left_s } from "../lib/questions";
import { SHAPES } from "../lib/shapes";
import type { AskedView } from "../lib/views";
import type { Phone } from "./phone";
import { codeText } from "./words";

interface Props {
  phone: Phone;
  asked: AskedView;
  now_ms: number;
}

/** One question, one thumb. */
export function Question({ phone, asked, now_ms }: Props) {
  const t = phone.words;
  const { number, status } = asked;
  const recorded = phone.recorded?.question === number ? phone.recorded.key : null;
  const sending = phone.delivery.step === "sending" && phone.delivery.question === number ? phone.delivery.key : null;
  const locked = status !== "open" || (asked.policy === "first_wins" && (recorded ?? sending) !== null);
  const timer_s = status === "open" ? left_s(asked, now_ms - phone.seen.received_ms) : null;
  const running = asked.timer?.running ?? false;
  const typed = phone.typed.question === number ? phone.typed.text : (recorded ?? "");
  const letters = joinLetters(typed);
  const send = (key: string) => phone.answer(number, key);
  return (
    <main class="question">
      <div class="head">
        <h1>
          {t.question(asked.place)}
          {asked.round > 1 && <small> · {t.round(asked.round)}</small>}
        </h1>
        {timer_s !== null && <span class={timer_s <= 10 && running ? "timer soon" : "timer"}>{(running ? t.left : t.paused)(clock(timer_s))}</span>}
      </div>
      {asked.text && <p class="stem">{asked.text}</p>}
      <p class="how">{status === "open" ? t.kinds[asked.kind] : status === "revealed" ? t.revealed : t.closed}</p>
      {asked.kind === "number" ? (
        <NumberPad words={t} locked={locked} typed={typed} type={(text) => phone.type(number, text)} send={send} />
      ) : (
        <Tiles phone={phone} asked={asked} recorded={recorded} sending={sending} locked={locked} typed={typed} send={send} />
      )}
      <div class="foot">
        {asked.kind === "multiple" && status === "open" && (
          <button class="send" type="button" disabled={locked || letters === "" || letters === (sending ?? recorded)} onClick={() => send(letters)}>
            {letters === "" ? t.send : t.sendLetters(letters)}
          </button>
        )}
        <Outcome phone={phone} asked={asked} recorded={recorded} />
      </div>
    </main>
  );
}

interface TilesProps {
  phone: Phone;
  asked: AskedView;
  recorded: string | null;
  sending: string | null;
  locked: boolean;
  typed: string;
  send: (key: string) => void;
}

function Tiles({ phone, asked, recorded, sending, locked, typed, send }: TilesProps) {
  const t = phone.words;
  const buzz = asked.kind === "buzz";
  const keys = buzz ? [BUZZ] : keysOf(asked.kind, asked.options.length);
  const several = asked.kind === "multiple";
  const texted = asked.options.some((text) => text !== "");
  const letters = joinLetters(typed);
  const has = (whole: string | null, key: string) => whole !== null && (several ? whole.includes(key) : whole === key);
  const tap = (key: string) => {
    if (!several) send(key);
    else phone.type(asked.number, letters.includes(key) ? letters.replace(key, "") : letters + key);
  };
  return (
    <ul class={buzz ? "tiles lone" : texted ? "tiles texted" : keys.length > 4 ? "tiles many" : "tiles"}>
      {keys.map((key, place) => {
        const chosen = several ? letters.includes(key) : has(sending ?? recorded, key);
        const safe = has(recorded, key) && sending === null;
        return (
          <li key={key}>
            <button
              class={`tile${chosen ? " chosen" : ""}${safe ? " safe" : ""}`}
              type="button"
              aria-pressed={chosen}
              disabled={locked}
              onClick={() => tap(key)}
            >
              {!buzz && <Sign of={key} />}
              <b>{answerText(t, key)}</b>
              {asked.options[place] && <span class="tile-text">{asked.options[place]}</span>}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** What became of the answer. The tick stands for: the board has it on disk. */
function Outcome({ phone, asked, recorded }: { phone: Phone; asked: AskedView; recorded: string | null }) {
  const t = phone.words;
  const at = phone.delivery;
  const mine = at.step !== "idle" && at.question === asked.number ? at : null;
  return (
    <div class="outcome" role="status">
      {mine?.step === "sending" ? (
        <p class={mine.trouble === null ? "" : "trouble"}>{sendingText(t, mine.trouble)(answerText(t, mine.key))}</p>
      ) : mine?.step === "refused" ? (
        <p class="trouble">{codeText(t, mine.code)}</p>
      ) : null}
      {recorded !== null && mine?.step !== "sending" && (
        <p class="in">
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 12.5 9.5 18 20 6.5" />
          </svg>
          {(mine?.step === "recorded" && mine.changed ? t.changed : t.recorded)(answerText(t, recorded))}
        </p>
      )}
      {mine?.step !== "sending" && (
        <p>
          {recorded === null
            ? asked.status === "open"
              ? t.nothing
              : t.closedNone
            : asked.status === "open" && (asked.policy === "first_wins" ? t.firstCounts : t.canChange)}
        </p>
      )}
    </div>
  );
}

function sendingText(t: Phone["words"], trouble: "offline" | "not_saved" | "busy" | null) {
  if (trouble === "offline") return t.offline;
  if (trouble === "not_saved") return t.notSaved;
  return trouble === "busy" ? t.busy : t.sending;
}

export function answerText(t: Phone["words"], key: string): string {
  if (key === BUZZ) return t.buzz;
  return key === "true" ? t.true : key === "false" ? t.false : key;
}

function Sign({ of }: { of: string }) {
  const shape = SHAPES[of];
  return (
    <svg class={`shape shape-${of}`} viewBox="0 0 24 24" aria-hidden="true">
      {shape && <path class={shape.look} d={shape.d} />}
    </svg>
  );
}
