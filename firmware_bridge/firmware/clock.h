/* The receiver's clock: 100 us ticks, modulo 2^32. It goes on over a warm reset. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define TICKS_PER_MS 10u
#define NOINIT __attribute__((section(".noinit")))

/* Start the ticks; from where they stopped if `keep` and they are intact, else from 0.
 * Returns whether they were kept. Interrupts must be off. */
bool clock_start(bool keep);

uint32_t clock_ticks(void);

/* The low half, for interrupt handlers (interrupts must be off). */
uint16_t clock_low_from_isr(void);

#endif
