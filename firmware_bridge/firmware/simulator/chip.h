/* The chip itself: its firmware, its resets, how deep its stack came. */
#ifndef CHIP_H
#define CHIP_H

#include <stdint.h>

#include <sim_avr.h>

#define CPU_HZ 16000000
#define CYCLES_PER_US (CPU_HZ / 1000000)

enum cause { POWER_ON = 1, EXTERNAL = 2, WATCHDOG = 8 }; /* bits of MCUSR */

extern avr_t *avr;

void chip_make(const char *firmware_file);
void chip_at_reset(void (*start)(void)); /* one more that begins anew with the chip */
void chip_step(void);                    /* one instruction, or a sleep */
uint16_t chip_lowest_stack(void);
void chip_spoil(uint16_t address); /* one bit of RAM flips */
void reset(enum cause cause);
void reset_after(uint32_t delay_us); /* by the reset pin */

#endif
