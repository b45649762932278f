#include "switches.h"

#include <avr/io.h>

#include "clock.h"

#define SWITCHES (_BV(PC0) | _BV(PC1) | _BV(PC2) | _BV(PC3))
#define REST_TICKS (20u * TICKS_PER_MS) /* longer than contacts bounce */

static uint8_t settled = SWITCHES_UNKNOWN;
static uint8_t seen;
static uint16_t since_low;

void switches_start(void)
{
    PORTC |= SWITCHES; /* pulled up: open where none is wired */
    since_low = (uint16_t)clock_ticks();
}

bool switches_update(uint8_t *closed)
{
    uint8_t now = (uint8_t)~PINC & SWITCHES;
    uint16_t now_low = (uint16_t)clock_ticks();
    bool news = false;
    if (now != seen) {
        seen = now;
        since_low = now_low;
    } else if (seen != settled && (uint16_t)(now_low - since_low) >= REST_TICKS) {
        settled = seen;
        news = true;
    }
    *closed = settled;
    return news;
}
