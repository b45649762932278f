import type { Words } from "../texts/words";
import type { plugged as zh } from "./plugged.zh";

/** A device that is plugged in and not used: what the device page says. */
export const plugged = {
  found: (n: number) => (n === 1 ? "1 device is plugged in and not used yet" : `${n} devices are plugged in and not used yet`),
  unused: "Plugged in, not used yet.",
  bridge: (chip: string) => `It only says that it is a ${chip} bridge chip, not what hangs behind it.`,
  buses: { serial: "Serial device", hid: "USB device", input: "Input device", smartcard: "Card reader" },
  what: "What is it?",
  choose: "Choose…",
  use: "Use",
  useAs: (name: string) => `Use as ${name}`,
  taken: (id: string) => `In use: ${id}`,
  undo: "Undo use",
  undone: (id: string) => `No longer in use: ${id}`,
  needsMore: "It needs more than a port. The admin completes these lines in the settings file, and starts the agent again.",
  readOnly: "The agent may not write its settings file. The admin adds these lines to it, and starts the agent again.",
  lines: "Lines for the settings file",
  drivers: {
    "card.em4100": "125 kHz card reader (serial)",
    "card.keyboard": "keyboard-like card reader",
    "card.pcsc": "PC/SC card reader",
    "card.wiegand": "Wiegand reader at our receiver",
    "clicker.iclicker": "i>clicker base",
    "clicker.reference": "our receiver",
    "clicker.sunvote": "SunVote base",
    "clicker.turning": "ResponseCards at our receiver",
    "clicker.xes": "XES receiver",
    "clicker.zkxl": "ZKXL base",
    "presenter.keys": "presenter",
    "sensor.serial_line": "sensor (serial)",
    "whiteboard.pentray": "pen tray at our receiver",
    "whiteboard.touch": "touch whiteboard",
  },
} satisfies Words<typeof zh>;
