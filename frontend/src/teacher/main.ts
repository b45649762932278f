import "../styles/base.css";
import "../styles/teacher.css";
import { start } from "../lib/start";
import Page from "./Page.svelte";

start(Page);
