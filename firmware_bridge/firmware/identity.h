/* Who this receiver is, kept in EEPROM: a serial number and a counter of its starts. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdint.h>

#define SERIAL_BYTES 8

struct identity {
    uint8_t serial[SERIAL_BYTES];
    uint16_t boot; /* 1 at the first start */
};

/* Read the identity, count this start, and store it before anything is named by it. A chip without
 * a valid record, or at the end of its counter, gives itself a new serial number. */
struct identity identity_start(void);

#endif
