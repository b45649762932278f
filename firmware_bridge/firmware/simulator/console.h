/* What the simulator says and reads as text. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void console_open(void); /* before anything else: simavr itself chats on stdout */
void say(const char *format, ...);
_Noreturn void fail(const char *what);
bool parse_hex(const char *text, uint8_t *bytes, size_t count);

#endif
