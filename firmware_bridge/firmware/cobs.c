#include "cobs.h"

#include "crc.h"

uint8_t frame_close(uint8_t *frame, uint8_t body_bytes)
{
    uint16_t crc = crc_of(frame + 1, body_bytes);
    uint8_t end = (uint8_t)(body_bytes + FRAME_OVERHEAD_BYTES - 1);
    frame[body_bytes + 1] = (uint8_t)(crc >> 8);
    frame[body_bytes + 2] = (uint8_t)crc;
    uint8_t code_at = 0;
    for (uint8_t at = 1; at < end; at++) {
        if (frame[at] == 0) {
            frame[code_at] = (uint8_t)(at - code_at);
            code_at = at;
        }
    }
    frame[code_at] = (uint8_t)(end - code_at);
    frame[end] = 0;
    return (uint8_t)(end + 1);
}

static void restart(struct frame_decoder *decoder)
{
    decoder->size_bytes = 0;
    decoder->run_left = 0;
    decoder->zero_due = false;
    decoder->broken = false;
    decoder->begun = false;
}

void frame_decoder_init(struct frame_decoder *decoder, uint8_t *body, uint8_t room_bytes)
{
    decoder->body = body;
    decoder->room_bytes = room_bytes;
    decoder->junk_frames = 0;
    restart(decoder);
}

static void put(struct frame_decoder *decoder, uint8_t byte)
{
    if (decoder->size_bytes < decoder->room_bytes)
        decoder->body[decoder->size_bytes++] = byte;
    else
        decoder->broken = true;
}

static uint8_t finish(struct frame_decoder *decoder)
{
    /* A CRC over a body and its own big-endian CRC is 0. */
    uint8_t size_bytes = decoder->size_bytes;
    bool whole = !decoder->broken && decoder->run_left == 0 && size_bytes > 2 &&
                 crc_of(decoder->body, size_bytes) == 0;
    if (decoder->begun && !whole)
        decoder->junk_frames++;
    restart(decoder);
    return whole ? (uint8_t)(size_bytes - 2) : 0;
}

uint8_t frame_decoder_take(struct frame_decoder *decoder, uint8_t byte)
{
    if (byte == 0)
        return finish(decoder);
    decoder->begun = true;
    if (decoder->run_left == 0) { /* a code byte */
        if (decoder->zero_due)
            put(decoder, 0);
        decoder->run_left = (uint8_t)(byte - 1);
        decoder->zero_due = byte != 0xFF;
    } else {
        decoder->run_left--;
        put(decoder, byte);
    }
    return 0;
}
