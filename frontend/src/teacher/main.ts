import "../styles/base.css";
import "../styles/teacher.css";
import "../styles/devices.css";
import { start } from "../lib/start";
import Page from "./Page.svelte";

start(Page);
