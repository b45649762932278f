#include "clock.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

/* Two copies, written one after the other: a reset in the middle of a write breaks at most one. */
static volatile struct {
    uint32_t ticks;
    uint32_t inverse;
} copies[2] NOINIT;

ISR(TIMER1_COMPA_vect)
{
    uint32_t ticks = copies[0].ticks + 1;
    copies[0].ticks = ticks;
    copies[0].inverse = ~ticks;
    copies[1].ticks = ticks;
    copies[1].inverse = ~ticks;
}

bool clock_start(bool keep)
{
    uint32_t ticks = 0;
    bool kept = false;
    for (uint8_t i = 2; keep && i-- > 0;) { /* copy 0 is the newer one */
        if (copies[i].ticks == ~copies[i].inverse) {
            ticks = copies[i].ticks;
            kept = true;
        }
    }
    for (uint8_t i = 0; i < 2; i++) {
        copies[i].ticks = ticks;
        copies[i].inverse = ~ticks;
    }
    OCR1A = F_CPU / 64 / 10000 - 1;
    TCCR1B = _BV(WGM12) | _BV(CS11) | _BV(CS10); /* clear on compare, F_CPU / 64 */
    TIMSK1 = _BV(OCIE1A);
    return kept;
}

uint32_t clock_ticks(void)
{
    uint32_t ticks;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        ticks = copies[0].ticks;
    }
    return ticks;
}

uint16_t clock_low_from_isr(void)
{
    return (uint16_t)copies[0].ticks;
}
