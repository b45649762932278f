import "../styles/base.css";
import "../styles/projector.css";
import { start } from "../lib/start";
import Page from "./Page.svelte";

start(Page);
