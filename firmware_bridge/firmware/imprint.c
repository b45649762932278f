#include "imprint.h"

#include <avr/io.h>
#include <avr/pgmspace.h>

#include "messages.h"

/* The Makefile tells the linker to keep it (-u): nothing refers to it. */
const struct imprint imprint PROGMEM __attribute__((used)) = {
    .begin = IMPRINT_BEGIN,
    .format = IMPRINT_FORMAT,
    .board = BOARD_ATMEGA328P,
    .firmware = {FIRMWARE_MAJOR, FIRMWARE_MINOR, FIRMWARE_PATCH},
    .protocol = {PROTOCOL_MAJOR, PROTOCOL_MINOR},
    .signature = {SIGNATURE_0, SIGNATURE_1, SIGNATURE_2},
#ifdef RADIO
    .keypads = KEYPADS_RADIO,
#else
    .keypads = KEYPADS_BUS,
#endif
    .end = IMPRINT_END,
};
