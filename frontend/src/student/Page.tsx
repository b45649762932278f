import { Question, answerText } from "./Question";
import type { Phone } from "./phone";
import { explain } from "./words";

export function Page({ phone, now_ms }: { phone: Phone; now_ms: number }) {
  const t = phone.words;
  document.title = t.app;
  return (
    <>
      <header>
        {phone.seat === "taken" && <b class="seat">{t.seat(phone.number)}</b>}
        <span class="line-lost" role="status">
          {phone.seat === "taken" && phone.seen.line === "lost" && t.lineLost}
        </span>
        <button class="language" type="button" aria-label={t.otherLanguageAloud} onClick={() => phone.otherLanguage()}>
          {t.otherLanguage}
        </button>
      </header>
      <Main phone={phone} now_ms={now_ms} />
    </>
  );
}

function Main({ phone, now_ms }: { phone: Phone; now_ms: number }) {
  const t = phone.words;
  const { view } = phone.seen;
  if (phone.seat === "none") return <Join phone={phone} />;
  if (phone.seat === "over") return <Over phone={phone} />;
  if (phone.seat === "asking" || view === null) {
    return (
      <main class="still">
        <h1 class="aloud">{t.app}</h1>
        <p role="status">{t.connecting}</p>
      </main>
    );
  }
  if (view.question === null) {
    return (
      <main class="still">
        <div class="pulse" aria-hidden="true" />
        <h1>{t.waiting}</h1>
        <p>{t.waitingHint}</p>
      </main>
    );
  }
  return <Question key={view.question.number} phone={phone} asked={view.question} now_ms={now_ms} />;
}

function Over({ phone }: { phone: Phone }) {
  const t = phone.words;
  return (
    <main class="still">
      <h1>{t.over}</h1>
      {phone.unsent === "" ? <p>{t.overHint}</p> : <p class="trouble">{t.overUnsent(answerText(t, phone.unsent))}</p>}
      <button class="plain" type="button" onClick={() => phone.leave()}>
        {t.newLesson}
      </button>
    </main>
  );
}

function Join({ phone }: { phone: Phone }) {
  const t = phone.words;
  const submit = (event: Event) => {
    event.preventDefault();
    void phone.join();
  };
  return (
    <main class="still">
      <form onSubmit={submit}>
        <h1>{t.join}</h1>
        <label>
          <span>{t.roomCode}</span>
          <input
            class="code"
            type="text"
            inputMode="numeric"
            autocomplete="off"
            maxLength={12}
            required
            value={phone.code}
            aria-describedby="join-trouble"
            onInput={(event) => (phone.code = event.currentTarget.value)}
          />
        </label>
        <p>{t.roomCodeHint}</p>
        <p class="trouble" id="join-trouble" role="alert">
          {phone.joinFailure !== null && explain(t, phone.joinFailure)}
        </p>
        <button class="send" type="submit" disabled={phone.joining}>
          {t.enter}
        </button>
      </form>
    </main>
  );
}
