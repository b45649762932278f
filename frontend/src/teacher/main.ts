import "../styles/base.css";
import "../styles/teacher.css";
import "../styles/devices.css";
import "../styles/steering.css";
import "../styles/sets.css";
import { start } from "../lib/start";
import Page from "./Page.svelte";

start(Page);
