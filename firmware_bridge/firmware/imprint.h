/* What the image says of itself, so that a host knows which board, keypads and version it is for before it
 * is written. Read by ../image.py, from the file; the firmware itself never reads it. */
#ifndef IMPRINT_H
#define IMPRINT_H

#include <stdint.h>

#define BOARD_ATMEGA328P 1 /* as HELLO names it */

#define KEYPADS_BUS 1
#define KEYPADS_RADIO 2

#define IMPRINT_BEGIN "\x89" "CAFW\r\n\x1A"
#define IMPRINT_END "\x1A" "WFAC"
#define IMPRINT_FORMAT 2

struct imprint {
    uint8_t begin[8];
    uint8_t format;
    uint8_t board;
    uint8_t firmware[3];
    uint8_t protocol[2];
    uint8_t signature[3]; /* of the chip, as its maker gives it */
    uint8_t keypads;      /* what its presses come from */
    uint8_t end[5];
};

#endif
