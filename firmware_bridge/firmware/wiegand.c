#include "wiegand.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <string.h>
#include <util/atomic.h>

#include "clock.h"

#define D0 _BV(PD2)
#define D1 _BV(PD3)
#define END_TICKS (25u * TICKS_PER_MS) /* longer than any reader pauses between two bits */

static volatile uint8_t bits[MAX_WIEGAND_BITS / 8];
static volatile uint8_t bit_count; /* 0xFF at most */
static volatile uint16_t last_low; /* the clock's low half at the last bit */
static uint8_t number;

/* A reader pulls D0 low for a 0, D1 for a 1. */
static inline void take_bit(bool one)
{
    uint8_t at = bit_count;
    if (at < MAX_WIEGAND_BITS) {
        uint8_t mask = (uint8_t)(0x80 >> (at % 8));
        if (one)
            bits[at / 8] |= mask;
        else
            bits[at / 8] &= (uint8_t)~mask;
    }
    if (at < UINT8_MAX)
        bit_count = at + 1;
    last_low = clock_low_from_isr();
}

ISR(INT0_vect)
{
    take_bit(false);
}

ISR(INT1_vect)
{
    take_bit(true);
}

void wiegand_start(void)
{
    PORTD |= D0 | D1; /* pulled up: quiet where no reader is wired */
    EICRA = _BV(ISC01) | _BV(ISC11); /* falling edges */
    EIFR = _BV(INTF0) | _BV(INTF1);
    EIMSK = _BV(INT0) | _BV(INT1);
}

bool wiegand_take(struct wiegand_burst *burst)
{
    bool ended = false;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        if (bit_count && (uint16_t)(clock_low_from_isr() - last_low) >= END_TICKS) {
            ended = true;
            burst->bit_count = bit_count;
            memcpy(burst->bits, (const void *)bits, sizeof burst->bits);
            bit_count = 0;
        }
    }
    if (!ended)
        return false;
    burst->number = number++;
    if (burst->bit_count > MAX_WIEGAND_BITS)
        return false;
    for (uint8_t at = burst->bit_count; at < MAX_WIEGAND_BITS; at++) /* what an earlier one left */
        burst->bits[at / 8] &= (uint8_t)~(0x80 >> (at % 8));
    return true;
}
