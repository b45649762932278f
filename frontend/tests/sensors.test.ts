import { describe, expect, it } from "vitest";
import type { DeviceView, MeasurementView } from "../src/lib/views";
import { en } from "../src/teacher/en";
import { measuredBy, told } from "../src/teacher/sensors";
import { zh } from "../src/teacher/zh";

const CO2: MeasurementView = { quantity: "co2", value: 812, unit: "ppm", measured_ago_ms: 0 };
const MINUTE_MS = 60_000;

function device(measured: MeasurementView | null): DeviceView {
  return { id: "air", driver: "d", state: "ready", code: "", hint: "", facts: {}, counters: {}, refused: 0, measured, can: [], last: null, readings: 0, alarms: [] };
}

describe("what a sensor told", () => {
  it("is a figure with its unit, and no age while it is new", () => {
    expect(told(CO2, 0, en.devices, "en-GB")).toEqual({ value: "812 ppm", old: "" });
    expect(told({ ...CO2, value: -1234.56789, unit: "" }, 4 * MINUTE_MS, en.devices, "en-GB")).toEqual({ value: "-1,234.568", old: "" });
  });

  it("says its age when it is old, by the page's own clock too", () => {
    expect(told({ ...CO2, measured_ago_ms: 3 * MINUTE_MS }, 4 * MINUTE_MS, en.devices, "en-GB").old).toBe("7 min ago");
    expect(told({ ...CO2, measured_ago_ms: null }, 0, en.devices, "en-GB").old).toBe("before the last start");
  });

  it("is named in the reader's language, by its own name, or by its device", () => {
    expect(measuredBy(device(CO2), en.devices)).toBe("CO₂");
    expect(measuredBy(device({ ...CO2, quantity: "radon" }), en.devices)).toBe("radon");
    expect(measuredBy(device({ ...CO2, quantity: "value" }), en.devices)).toBe("air");
    expect(measuredBy(device(CO2), zh.devices)).toBe("二氧化碳");
  });
});
