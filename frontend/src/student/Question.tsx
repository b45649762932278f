import { NumberPad } from "./NumberPad";
import { BUZZ, HERE, clock, joinLetters, keysOf, left_s } from "../lib/questions";
import { SHAPES } from "../lib/shapes";
import type { AskedView, QuestionKind } from "../lib/views";
import type { Phone } from "./phone";
import { codeText } from "./words";

/** So much of a text stands beside its tick. */
const SHOWN_CHARS = 20;

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
  const once = asked.policy === "first_wins" || asked.kind === "attendance";
  const locked = status !== "open" || (once && (recorded ?? sending) !== null);
  const timer_s = status === "open" ? left_s(asked, now_ms - phone.seen.received_ms) : null;
  const running = asked.timer?.running ?? false;
  const typed = phone.typed.question === number ? phone.typed.text : (recorded ?? "");
  const order = asked.kind === "order";
  const several = asked.kind === "multiple" || order;
  const letters = order ? typed : joinLetters(typed);
  const ready = order ? letters.length === asked.options.length : letters !== "";
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
      ) : asked.kind === "text" ? (
        <textarea aria-label={t.number} rows={4} maxLength={200} disabled={locked} value={typed} onInput={(event) => phone.type(number, event.currentTarget.value)} />
      ) : (
        <Tiles phone={phone} asked={asked} recorded={recorded} sending={sending} locked={locked} typed={typed} send={send} />
      )}
      <div class="foot">
        {several && status === "open" && (
          <div class="send-row">
            {order && (
              <button class="plain" type="button" disabled={locked || letters === ""} onClick={() => phone.type(number, "")}>
                {t.clear}
              </button>
            )}
            <button class="send" type="button" disabled={locked || !ready || letters === (sending ?? recorded)} onClick={() => send(letters)}>
              {letters === "" ? t.send : t.sendLetters(letters)}
            </button>
          </div>
        )}
        {asked.kind === "text" && status === "open" && (
          <button class="send" type="button" disabled={locked || typed.trim() === "" || typed === (sending ?? recorded)} onClick={() => send(typed)}>
            {t.send}
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
  const scale = asked.kind === "scale";
  const order = asked.kind === "order";
  const lone = asked.kind === "buzz" ? BUZZ : asked.kind === "attendance" ? HERE : null;
  const keys = lone ? [lone] : keysOf(asked.kind, asked.options.length);
  const several = asked.kind === "multiple" || order;
  const texted = !scale && asked.options.some((text) => text !== "");
  const letters = order ? typed : joinLetters(typed);
  const has = (whole: string | null, key: string) => whole !== null && (order ? whole === letters : several ? whole.includes(key) : whole === key);
  const tap = (key: string) => {
    if (!several) send(key);
    else phone.type(asked.number, letters.includes(key) ? letters.replace(key, "") : letters + key);
  };
  return (
    <>
    {scale && (
      <p class="ends">
        <span>{asked.options[0]}</span>
        <span>{asked.options[keys.length - 1]}</span>
      </p>
    )}
    <ul class={lone ? "tiles lone" : scale ? "tiles steps" : texted ? "tiles texted" : keys.length > 4 ? "tiles many" : "tiles"}>
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
              {order && <i class="place">{letters.indexOf(key) + 1 || ""}</i>}
              {!lone && !scale && <Sign of={key} />}
              <b>{answerText(t, key)}</b>
              {!scale && asked.options[place] && <span class="tile-text">{asked.options[place]}</span>}
            </button>
          </li>
        );
      })}
    </ul>
    </>
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
        <p class={mine.trouble === null ? "" : "trouble"}>{sendingText(t, mine.trouble)(answerText(t, mine.key, asked.kind))}</p>
      ) : mine?.step === "refused" ? (
        <p class="trouble">{codeText(t, mine.code)}</p>
      ) : null}
      {recorded !== null && mine?.step !== "sending" && (
        <p class="in">
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 12.5 9.5 18 20 6.5" />
          </svg>
          {(mine?.step === "recorded" && mine.changed ? t.changed : t.recorded)(answerText(t, recorded, asked.kind))}
        </p>
      )}
      {mine?.step !== "sending" && (
        <p>
          {recorded === null
            ? asked.status === "open"
              ? t.nothing
              : t.closedNone
            : asked.status === "open" && asked.kind !== "attendance" && (asked.policy === "first_wins" ? t.firstCounts : t.canChange)}
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

export function answerText(t: Phone["words"], key: string, kind?: QuestionKind): string {
  if (kind === "text") return key.length > SHOWN_CHARS ? `${key.slice(0, SHOWN_CHARS)}…` : key;
  if (key === HERE) return t.here;
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
