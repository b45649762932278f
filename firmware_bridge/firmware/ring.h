/* Presses that the host has not acknowledged, in RAM that a warm reset keeps.
 *
 * Of 2,048 bytes of RAM the ring takes 1,024 for presses. A press of n key bytes takes 13 + n: boot 2,
 * time 4, keypad 4, key length 1, CRC 2. 64 presses of one letter take 896; 64 of up to 3 characters
 * take 1,024. Of 12 characters 40 fit. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stdint.h>

#include "messages.h"

#define RING_BYTES 1024u
#define RING_PRESSES 64u

struct press {
    uint16_t boot;
    uint32_t time_ticks;
    uint8_t keypad[4];
    uint8_t key_bytes;
    uint8_t key[MAX_KEY_BYTES];
};

/* Take up what a warm reset left, if `keep` and all of it is intact; else begin empty, counting what
 * is known to have been there as lost. */
void ring_start(bool keep);

/* The start since which ring and clock have survived every reset; `boot` if that is this one. */
uint16_t ring_since(uint16_t boot);

uint8_t ring_count(void);
uint32_t ring_first_seq(void); /* of the oldest press, or of the next one to come */
uint32_t ring_refused(void);
uint32_t ring_lost(void);

/* Add the newest press; false (and counted) when there is no room. */
bool ring_add(const struct press *press);

/* Where the press number `index` (0 = oldest, below ring_count()) lies. */
uint16_t ring_offset(uint8_t index);

/* Read the press at `offset`; returns the offset of the one after it. */
uint16_t ring_read(uint16_t offset, struct press *press);

/* Forget the oldest press. */
void ring_drop(void);

#endif
