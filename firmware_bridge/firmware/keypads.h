/* Where presses come from and outcomes go to: the keypad bus (see README.md).
 *
 * The receiver is the SPI slave; whatever hears the keypads (a concentrator of wired keypads, a radio
 * head) is the master. Frames as on the host line:
 *   master to receiver  0x21 keypad[4] key[0..12]   a press
 *   receiver to master  0x22 keypad[4] code         what became of a press: show it on the keypad */
#ifndef KEYPADS_H
#define KEYPADS_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

#define BUS_PRESS 0x21
#define BUS_OUTCOME 0x22
#define BUS_MAX_BODY_BYTES (1 + 4 + MAX_KEY_BYTES)

void keypads_start(void);

/* Take the next press; its time is that of its last byte on the bus. `boot` is left alone. */
bool keypads_take(struct press *press);

/* There was no room for this keypad's press: what it says again is a press, no repeat. */
void keypads_forget(const uint8_t keypad[4]);

/* Another question is open: what is pressed again is meant for that. */
void keypads_question(void);

/* Hand the outcome of a press to its keypad; false when its buffer has no room yet. */
bool keypads_show(const struct press *press, uint8_t code);

/* Bytes that came in while there was no room, and frames that failed their CRC or make no sense. */
uint32_t keypads_overruns(void);
uint32_t keypads_junk(void);

#endif
