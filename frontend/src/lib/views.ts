/** What the server sends the pages: the same shapes, field by field, as agent/web/views.py. */

export type QuestionKind = "single" | "multiple" | "true_false" | "number" | "buzz" | "text" | "scale" | "order" | "attendance";
export type Policy = "last_wins" | "first_wins";
export type Show = "hidden" | "count" | "distribution" | "key";
export type QuestionStatus = "open" | "closed" | "revealed";
export type DeviceState = "starting" | "ready" | "lost" | "misconfigured" | "held" | "stopped";

export interface Bar {
  key: string;
  count: number;
  right: boolean | null;
}

export interface AskedView {
  number: number;
  kind: QuestionKind;
  options: string[];
  status: QuestionStatus;
  policy: Policy;
  opened_ago_ms: number;
  timer_s: number | null;
  text: string;
  place: number;
  round: number;
  timer: TimerView | null;
}

export interface TimerView {
  left_ms: number;
  running: boolean;
  changes: number;
}

/** Two rounds of a question, of those who answered in both. */
export interface ComparisonView {
  first: number;
  second: number;
  known: boolean;
  both: number;
  changed: number;
  only_first: number;
  only_second: number;
  stayed_right: number | null;
  won: number | null;
  lost: number | null;
  stayed_wrong: number | null;
  gain: number | null;
  outcome: "nobody" | "all_right" | "lost" | "none" | "low" | "medium" | "high" | null;
}

export interface BuzzView {
  place: number;
  who: string | null;
  label: string;
  phone: boolean;
  last_place: number;
  behind_ms: number | null;
  give_or_take_ms: number;
  final: boolean;
  late: boolean;
}

export interface TextGroupView {
  group: string;
  text: string;
  count: number;
  right: boolean | null;
  shown: boolean;
}

export interface RoomQuestionView {
  asked: AskedView;
  show: Show;
  answered: number | null;
  expected: number | null;
  bars: Bar[] | null;
  key: string[] | null;
  buzzes: BuzzView[] | null;
  texts: TextGroupView[] | null;
  mean: number | null;
}

export interface RespondentView {
  id: string;
  label: string;
  name: string | null;
  present: boolean;
  keypads: string[];
  has_card: boolean;
  key: string | null;
  entered: boolean;
}

export interface TeacherQuestionView {
  asked: AskedView;
  show: Show;
  answered: number;
  bars: Bar[];
  key: string[] | null;
  right: number | null;
  buzzes: BuzzView[];
  texts: TextGroupView[];
  mean: number | null;
  void: boolean;
  advice: "explain" | "discuss" | "go_on" | null;
  rounds: ComparisonView[];
}

export interface PastQuestionView {
  number: number;
  kind: QuestionKind;
  status: QuestionStatus;
  answered: number;
  right: number | null;
  place: number;
  round: number;
  void: boolean;
}

export interface PressView {
  keypad: string;
  student: string | null;
  count: number;
}

export interface LessonView {
  id: string;
  title: string;
  class_id: string | null;
  opened_ago_ms: number;
  expected: number | null;
  present: number;
  room_code: string;
  join_url: string;
  respondents: RespondentView[];
  question: TeacherQuestionView | null;
  history: PastQuestionView[];
  last_press: PressView | null;
  unbound_cards: string[];
  unasked_presses: number;
  auto_close: boolean;
  awaited: number | null;
}

export interface MeasurementView {
  quantity: string;
  value: number;
  unit: string;
  measured_ago_ms: number | null;
}

export interface LastReadingView {
  kind: string;
  what: string;
  read_ago_ms: number;
}

export interface KeypadView {
  keypad: string;
  rssi_dbm: number | null;
  power: number | null;
}

export interface MonitorLine {
  way: "in" | "out" | "reading";
  passed_ago_ms: number;
  text: string;
  count_bytes: number;
}

export interface MonitorView {
  lines: MonitorLine[];
  missed: number;
}

/** How far writing firmware is, or how it ended. */
export interface FlashView {
  phase: "asking" | "entering" | "writing" | "verifying" | "starting" | "done" | "failed";
  version: string;
  was: string;
  percent: number;
  code: string;
  hint: string;
}

export interface DeviceView {
  id: string;
  driver: string;
  state: DeviceState;
  code: string;
  hint: string;
  facts: Record<string, string>;
  counters: Record<string, number>;
  refused: number;
  measured: MeasurementView | null;
  alarms: string[];
  can: string[];
  last: LastReadingView | null;
  readings: number;
}

/** A driver that could be behind a device; `lines` are for the settings file. */
export interface PluggedDriverView {
  driver: string;
  likeness: "fits" | "possible";
  lines: string;
  needs_more: boolean;
}

/** A device that is plugged in and not used. */
export interface PluggedView {
  bus: "serial" | "hid" | "input" | "smartcard";
  port: string;
  device: string;
  usb: string;
  says: string;
  bridge: string;
  drivers: PluggedDriverView[];
}

export interface PluggedReply {
  devices: PluggedView[];
  writable: boolean;
  undoable: string[];
}

export interface CloudView {
  state: "off" | "connecting" | "connected";
  waiting: number;
  aside: number;
}

export interface ClassView {
  id: string;
  students: number;
}

export interface PairingView {
  code: string;
  expires_s: number;
}

export interface ScreenView {
  id: string;
  number: string;
}

export interface StorageView {
  room: "ok" | "low" | "full";
  reason: "" | "journal" | "disk";
  used_percent: number;
  salvage: "" | "running" | "ended";
  missing: number;
  names_lost: boolean;
}

export interface InkView {
  question: number | null;
  strokes: number;
  changes: number;
  undoable: boolean;
  full: boolean;
  width_mm: number;
  height_mm: number;
  picture: PictureView | null;
  attachable: boolean;
}

export interface PictureView {
  sha256: string;
  x_mm: number;
  y_mm: number;
  width_mm: number;
  height_mm: number;
}

export interface CalibrationView {
  device: string;
  touched: [number, number][];
  smeared: boolean;
}

export interface TeacherView {
  role: "teacher" | "guest";
  version: number;
  device: string;
  room: string;
  clock_synced: boolean;
  journal_ok: boolean;
  storage: StorageView;
  cloud: CloudView;
  devices: DeviceView[];
  classes: ClassView[];
  lesson: LessonView | null;
  pairing: PairingView | null;
  screens: ScreenView[];
  ink: InkView | null;
  calibration: CalibrationView | null;
}

export interface ProjectorView {
  version: number;
  title: string | null;
  room_code: string | null;
  join_url: string | null;
  joined_phones: number;
  question: RoomQuestionView | null;
  pairing_code: string | null;
  lesson: string | null;
  ink: InkView | null;
}

export interface StudentView {
  version: number;
  lesson: string | null;
  question: AskedView | null;
}

export interface Problem {
  code: string;
  where: string;
  hint: string;
}
