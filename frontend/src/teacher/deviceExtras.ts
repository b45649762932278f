/**
 * What a device's card offers beyond what every device has. A panel is a component that is given its
 * `device`; it stands on the card of each device whose driver `can` do what it is for.
 */

import type { Component } from "svelte";
import type { DeviceView } from "../lib/views";
import Flash from "./Flash.svelte";
import { t } from "./words";

export interface Extra {
  /** As the board says it in `DeviceView.can`. */
  can: string;
  /** What its button says. */
  label: () => string;
  panel: Component<{ device: DeviceView }>;
}

export const extras: Extra[] = [{ can: "flash", label: () => t().flash.open, panel: Flash }];
