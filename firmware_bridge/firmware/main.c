#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "clock.h"
#include "host.h"
#include "identity.h"
#include "keypads.h"
#include "lights.h"
#include "ring.h"
#include "switches.h"
#include "uart.h"
#include "wiegand.h"

static uint8_t reset_cause NOINIT;

/* Before main: after a watchdog reset the watchdog runs on, with its shortest period. */
void read_reset_cause(void) __attribute__((naked, used, section(".init3")));
void read_reset_cause(void)
{
    reset_cause = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

int main(void)
{
    /* After a loss of power nobody knows how long the clock stood still: what RAM may still hold would
     * be filed under a wrong time. */
    bool warm = !(reset_cause & (_BV(PORF) | _BV(BORF)));
    bool clock_kept = clock_start(warm);
    ring_start(clock_kept);
    sei();
    wdt_enable(WDTO_1S);
    struct identity identity = identity_start();
    lights_start();
    keypads_start();
    wiegand_start();
    switches_start();
    uart_start();
    ring_since(identity.boot);
    host_start(&identity);
    set_sleep_mode(SLEEP_MODE_IDLE);
    for (;;) {
        struct press press;
        wdt_reset();
        while (keypads_take(&press)) {
            press.boot = identity.boot;
            if (!ring_add(&press))
                keypads_forget(press.keypad);
        }
        host_run();
        lights_update();
        sleep_mode(); /* until the next tick at the latest */
    }
}
