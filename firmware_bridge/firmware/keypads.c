#include "keypads.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <string.h>
#include <util/atomic.h>

#include "clock.h"
#include "cobs.h"

#define IN_BYTES 64u /* powers of 2 */
#define STAMPS 16u
#define OUT_BYTES 32u

static volatile uint8_t in[IN_BYTES];
static volatile uint8_t in_head, in_tail;
static volatile uint16_t stamps[STAMPS]; /* low half of the clock, one for each 0x00 in `in` */
static volatile uint8_t stamp_head, stamp_tail;
static volatile uint8_t out[OUT_BYTES];
static volatile uint8_t out_head, out_tail;
static volatile uint32_t overruns;

static struct frame_decoder decoder;
static uint8_t body[BUS_MAX_BODY_BYTES + 2];
static uint32_t senseless;

ISR(SPI_STC_vect)
{
    static uint8_t previous;
    uint8_t byte = SPDR;
    SPDR = out_head != out_tail ? out[out_tail++ % OUT_BYTES] : 0;
    if (byte == 0 && previous == 0) /* the master only clocks outcomes out */
        return;
    previous = byte;
    bool room = (uint8_t)(in_head - in_tail) < IN_BYTES;
    if (byte == 0 && room) {
        room = (uint8_t)(stamp_head - stamp_tail) < STAMPS;
        if (room)
            stamps[stamp_head++ % STAMPS] = clock_low_from_isr();
    }
    if (room)
        in[in_head++ % IN_BYTES] = byte;
    else
        overruns++;
}

void keypads_start(void)
{
    frame_decoder_init(&decoder, body, sizeof body);
    DDRB |= _BV(PB4); /* MISO */
    SPDR = 0;
    SPCR = _BV(SPE) | _BV(SPIE); /* slave, mode 0 */
}

static bool printable(const uint8_t *key, uint8_t key_bytes)
{
    while (key_bytes--) {
        if (*key < 0x20 || *key > 0x7E)
            return false;
        key++;
    }
    return true;
}

static uint32_t stamp_time(void)
{
    uint32_t ticks = clock_ticks();
    uint16_t age = (uint16_t)((uint16_t)ticks - stamps[stamp_tail % STAMPS]);
    stamp_tail++;
    return ticks - age;
}

bool keypads_take(struct press *press)
{
    while (in_head != in_tail) {
        uint8_t byte = in[in_tail % IN_BYTES];
        in_tail++;
        uint32_t time_ticks = byte == 0 ? stamp_time() : 0;
        uint8_t body_bytes = frame_decoder_take(&decoder, byte);
        if (body_bytes == 0)
            continue;
        uint8_t key_bytes = (uint8_t)(body_bytes - 5);
        if (body_bytes < 5 || body[0] != BUS_PRESS || !printable(body + 5, key_bytes)) {
            senseless++;
            continue;
        }
        press->time_ticks = time_ticks;
        memcpy(press->keypad, body + 1, 4);
        press->key_bytes = key_bytes;
        memcpy(press->key, body + 5, key_bytes);
        return true;
    }
    return false;
}

/* The bus repeats nothing. */
void keypads_forget(const uint8_t keypad[4])
{
    (void)keypad;
}

void keypads_question(void)
{
}

bool keypads_show(const struct press *press, uint8_t code)
{
    uint8_t frame[6 + FRAME_OVERHEAD_BYTES];
    if ((uint8_t)(out_head - out_tail) > OUT_BYTES - sizeof frame)
        return false;
    frame[1] = BUS_OUTCOME;
    memcpy(frame + 2, press->keypad, 4);
    frame[6] = code;
    frame_close(frame, 6);
    for (uint8_t i = 0; i < sizeof frame; i++) {
        out[out_head % OUT_BYTES] = frame[i];
        out_head++;
    }
    return true;
}

uint32_t keypads_overruns(void)
{
    uint32_t count;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        count = overruns;
    }
    return count;
}

uint32_t keypads_junk(void)
{
    return decoder.junk_frames + senseless;
}
