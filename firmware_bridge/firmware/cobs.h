/* Frames: COBS, a CRC-16 and a 0x00 (see ../PROTOCOL.md). Used for the host line and for the keypad
 * bus, by the firmware and by its simulator. */
#ifndef COBS_H
#define COBS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_BODY_BYTES 128
#define FRAME_OVERHEAD_BYTES 4 /* COBS code byte, CRC-16, delimiter */

/* The body lies at frame + 1, body_bytes (1 to MAX_BODY_BYTES) long: make a frame of it in place.
 * Returns the frame's size, body_bytes + FRAME_OVERHEAD_BYTES. */
uint8_t frame_close(uint8_t *frame, uint8_t body_bytes);

struct frame_decoder {
    uint8_t *body; /* room for the body and its CRC */
    uint8_t room_bytes;
    uint8_t size_bytes;
    uint8_t run_left; /* bytes until the next COBS code byte */
    bool zero_due;    /* a 0x00 belongs before the next byte */
    bool broken;      /* skip to the next delimiter */
    bool begun;
    uint32_t junk_frames;
};

void frame_decoder_init(struct frame_decoder *decoder, uint8_t *body, uint8_t room_bytes);

/* Take one byte. Returns the size of the body that it completes, else 0. */
uint8_t frame_decoder_take(struct frame_decoder *decoder, uint8_t byte);

#endif
