/* A card reader's two lines (D0 on PD2, D1 on PD3): bursts of bits, as they came. */
#ifndef WIEGAND_H
#define WIEGAND_H

#include <stdbool.h>
#include <stdint.h>

#include "messages.h"

struct wiegand_burst {
    uint8_t number; /* counts bursts since the start */
    uint8_t bit_count;
    uint8_t bits[MAX_WIEGAND_BITS / 8]; /* the first bit is the highest of the first byte */
};

void wiegand_start(void);

/* Take the next burst that has ended; false when there is none. A burst of more than MAX_WIEGAND_BITS
 * is none, but has its number. */
bool wiegand_take(struct wiegand_burst *burst);

#endif
