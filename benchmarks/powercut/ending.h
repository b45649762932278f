/* The end of a process that did what cannot be recorded. */
#pragma once

void give_up(const char *what, const char *name);
