#include "lights.h"

#include <avr/io.h>

#include "clock.h"

#define LOCATE _BV(PD4)
#define QUESTION _BV(PD5)
#define HALF_PERIOD_TICKS (125u * TICKS_PER_MS)

static bool locating;
static uint32_t started, lasts;

static void set(uint8_t lamp, bool on)
{
    if (on)
        PORTD |= lamp;
    else
        PORTD &= (uint8_t)~lamp;
}

void lights_start(void)
{
    DDRD |= LOCATE | QUESTION;
}

void lights_question(bool open)
{
    set(QUESTION, open);
}

void lights_locate(uint8_t seconds)
{
    started = clock_ticks();
    lasts = seconds * 1000UL * TICKS_PER_MS;
    locating = seconds != 0;
}

void lights_update(void)
{
    uint32_t age = clock_ticks() - started;
    if (age >= lasts)
        locating = false;
    set(LOCATE, locating && (age / HALF_PERIOD_TICKS) % 2 == 0);
}
