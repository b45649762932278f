/* What hangs on single pins: a card reader's two lines, the switches of a tray, two lamps. */
#ifndef PINS_H
#define PINS_H

#include <stdbool.h>
#include <stdint.h>

void pins_connect(void);
void lamps_connect(void);

/* Bits ("0" and "1") on the reader's lines, one every `every_us`. */
void pins_wiegand(const char *bits, uint32_t every_us);

/* A switch closes or opens, and bounces so often before it rests. */
void pins_switch(uint8_t number, bool closed, uint8_t bounces);

#endif
