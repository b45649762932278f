/* The switches of a whiteboard's tray, from PC0 to PC3, each to ground. */
#ifndef SWITCHES_H
#define SWITCHES_H

#include <stdbool.h>
#include <stdint.h>

#define SWITCHES_UNKNOWN 0xFFu

void switches_start(void);

/* Which are closed, bit 0 the one on PC0, as they last rested; SWITCHES_UNKNOWN just after a start.
 * Whether that has changed. Call often. */
bool switches_update(uint8_t *closed);

#endif
