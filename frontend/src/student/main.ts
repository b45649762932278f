import { start } from "../lib/start";
import Page from "./Page.svelte";

start(Page);
